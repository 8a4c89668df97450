"""Take pictures of a dashboard for docs/dashboards.md: python take_pictures.py ADDRESS KIND=FILE...; prints what was taken as JSON."""

import base64
import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List

from see_pages import chromium, new_page, open_page

SIZE = {"width": 1280, "height": 1500}  # charts are drawn when they are in sight
HEAD = 62  # pixels of a page's head
SETTLED = 2500  # milliseconds: charts grow from left to right, and axes follow
CHART_IN_CARD, PICTURE_IN_CARD = "xpath=ancestor::div[5]", "xpath=ancestor::div[3]"
SIDE_BY_SIDE = "<div style='display: inline-grid; grid-template-columns: auto auto; gap: 8px; background: white'>{}</div>"


def chart(page: Any, number: int) -> bytes:
    """A picture of a chart, once it is drawn."""
    canvas = page.locator("main canvas").nth(number)
    canvas.scroll_into_view_if_needed()
    page.wait_for_function("number => window.showsData(document.querySelectorAll('main canvas')[number], true)", arg=number)
    page.wait_for_timeout(SETTLED)
    return canvas.locator(CHART_IN_CARD).screenshot()


def newest_samples(page: Any) -> bytes:
    """A picture of the last grid of samples."""
    card = page.locator("main img[src^='blob:']").first.locator(PICTURE_IN_CARD)
    place, handle = card.bounding_box(), card.get_by_role("slider").bounding_box()
    y = handle["y"] + handle["height"] / 2
    page.mouse.move(handle["x"] + handle["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 20, y, steps=5)
    page.mouse.up()
    page.wait_for_timeout(SETTLED)
    return card.screenshot()


def cards(page: Any, address: str, path: Path) -> None:
    """Losses and samples, D(x) and D(G(z)), D's scores of real and of generated images: in three rows."""
    open_page(page, address, "sample/image")
    samples = newest_samples(page)
    open_page(page, address, "scalar")
    losses = chart(page, 0)
    page.get_by_text("train", exact=True).first.click()
    taken = [losses, samples, chart(page, 1), chart(page, 2)]
    open_page(page, address, "histogram")
    taken += [chart(page, 0), chart(page, 1)]
    images = "".join(f"<img src='data:image/png;base64,{base64.b64encode(one).decode()}'>" for one in taken)
    page.goto("about:blank")
    page.set_content(SIDE_BY_SIDE.format(images))
    page.locator("div").screenshot(path=path)


def whole_page(name: str, height: int) -> Callable[[Any, str, Path], None]:
    """A function that takes the upper part of a page, without its head."""

    def take(page: Any, address: str, path: Path) -> None:
        page.set_viewport_size({"width": SIZE["width"], "height": HEAD + height})
        open_page(page, address, name)
        page.wait_for_timeout(2 * SETTLED)
        page.screenshot(path=path, clip={"x": 0, "y": HEAD, "width": SIZE["width"], "height": height})

    return take


def coloured_points(page: Any, address: str, path: Path) -> None:
    """The projection of real and generated images, coloured by origin."""
    page.set_viewport_size({"width": SIZE["width"], "height": 860})
    open_page(page, address, "high-dimensional")
    page.get_by_text("No color map").first.click()
    page.get_by_text("origin", exact=True).last.click()
    page.wait_for_timeout(2 * SETTLED)
    page.screenshot(path=path, clip={"x": 260, "y": HEAD, "width": SIZE["width"] - 260, "height": 860 - HEAD})


def first_chart(name: str) -> Callable[[Any, str, Path], None]:
    """A function that takes the first chart of a page."""

    def take(page: Any, address: str, path: Path) -> None:
        open_page(page, address, name)
        path.write_bytes(chart(page, 0))

    return take


KINDS: Dict[str, Callable[[Any, str, Path], None]] = {
    "cards": cards,
    "scalars": whole_page("scalar", 800),
    "graph": whole_page("graph/dynamic_graph", 820),
    "points": coloured_points,
    "pr-curve": first_chart("pr-curve"),
}


def main(address: str, wanted: List[str]) -> None:
    """Take pictures of one dashboard."""
    taken = []
    with chromium() as browser:
        for one in wanted:
            kind, path = one.split("=", 1)
            KINDS[kind](new_page(browser, viewport=SIZE), address, Path(path))
            taken.append(Path(path).name)
    print(json.dumps(taken))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
