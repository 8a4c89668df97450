"""Open the pages of dashboards in Chromium: python see_pages.py FOLDER NAME=ADDRESS...; prints what they show as JSON.

It is a program of its own, because Playwright may be installed in another environment than Paddle. {name: {page: ...}} has of each
page its text, the texts of its graph, how many pixels of what it draws are no background ("inked") or have a colour ("coloured"),
and how many kinds of colour there are ("hues": which of red, green and blue is the largest and which the least).
"""

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Dict, Optional

from playwright.sync_api import sync_playwright

LIMIT = 60  # seconds to wait for anything: a loaded machine is slow
SIZE = {"width": 1280, "height": 1100}  # pictures are fetched once they are in sight: the first two groups are
DRAWN = 300  # pixels: fewer are no curve and no picture
CHART, PICTURE, POINTS, GRAPH, TABLE = (
    "main canvas",
    "main img[src^='blob:'] >> nth=1",
    "article canvas >> nth=-1",
    "iframe",
    "main >> text=reader",
)
PAGES = {  # path below /app/: (where it draws, what to wait for)
    "scalar": (CHART, "coloured"),
    "sample/image": (PICTURE, "inked"),
    "histogram": (CHART, "coloured"),
    "high-dimensional": (POINTS, "inked"),
    "graph/dynamic_graph": (GRAPH, "inked"),
    "hyper-parameter": (TABLE, None),
    "pr-curve": (CHART, "coloured"),
    "roc-curve": (CHART, "coloured"),
}
COUNT = """
async file => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + file)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height), context = canvas.getContext('2d');
  context.drawImage(picture, 0, 0);
  const data = context.getImageData(0, 0, picture.width, picture.height).data, count = new Map(), hues = new Map();
  const add = (map, key) => map.set(key, (map.get(key) || 0) + 1);
  let coloured = 0;
  for (let at = 0; at < data.length; at += 4) {
    const colour = [...data.subarray(at, at + 3)], most = Math.max(...colour), least = Math.min(...colour);
    add(count, colour.join());
    if (most - least > 60) { coloured += 1; add(hues, [colour.indexOf(most), colour.indexOf(least)].join()); }
  }
  const inked = data.length / 4 - Math.max(...count.values());
  return {inked, coloured, hues: [...hues.values()].filter(pixels => pixels >= 50).length};
}
"""


def pixels(counter: Any, place: Any, kind: Optional[str]) -> Dict[str, int]:
    """What is drawn at a place, once enough pixels are of that kind, or after the limit; None waits for nothing.

    A chart ("coloured") grows from left to right when its page opens: with just enough pixels it may lack a curve, so it must also be
    the same twice.
    """
    end = time.monotonic() + LIMIT
    before: Dict[str, int] = {}
    while True:
        seen: Dict[str, int] = counter.evaluate(COUNT, base64.b64encode(place.screenshot()).decode())
        enough = kind is None or (seen[kind] >= DRAWN and (kind != "coloured" or seen == before))
        if enough or time.monotonic() > end:
            return seen
        before = seen
        counter.wait_for_timeout(200)


def see(page: Any, counter: Any, address: str, name: str) -> Dict[str, Any]:
    """Open one page and wait for what it draws."""
    where, kind = PAGES[name]
    page.goto(f"{address}/{name}", wait_until="domcontentloaded")
    if where == PICTURE:
        page.get_by_text("numbers", exact=True).click()  # the samples of G; at first only the first group is open
    texts = []
    if where == GRAPH:
        layers = page.frame_locator("iframe").locator("svg text")
        layers.first.wait_for()
        texts = [layer.text_content() for layer in layers.all()]
    place = page.locator(where).first
    place.wait_for()
    return {**pixels(counter, place, kind), "graph": texts, "text": page.inner_text("body")}


def main(folder: Path, addresses: Dict[str, str]) -> None:
    """See every page of every dashboard, keep a screenshot of each, and print what they show."""
    seen: Dict[str, Dict[str, Any]] = {}
    flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # WebGL without a GPU
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=flags, timeout=LIMIT * 1000)
        counter = browser.new_page()  # counts pixels, undisturbed by the scripts of the dashboard
        for dashboard, address in addresses.items():
            page = browser.new_context(viewport=SIZE).new_page()
            page.set_default_timeout(LIMIT * 1000)
            seen[dashboard] = {}
            for name in PAGES:
                seen[dashboard][name] = see(page, counter, address, name)
                page.screenshot(path=folder / f"{name.replace('/', '-')}-{dashboard}.jpg", type="jpeg", quality=70)
        browser.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]), dict(argument.split("=", 1) for argument in sys.argv[2:]))
