"""Open the pages of dashboards in Chromium: python see_pages.py NAME=ADDRESS... [--to FOLDER]; prints what they show as JSON.

It is a program of its own, because Playwright may be installed in another environment than Paddle. {name: {page: ...}} has of each
page its text, the texts of its graph, how many pixels of what it draws are no background ("inked") or have a colour ("coloured"),
how many kinds of colour there are ("hues": which of red, green and blue is the largest and which the least), and the "seconds" from the
request of the page to the moment at which it shows data. Without a folder for screenshots the seconds are all that is found out, each page
in a browser that knows nothing of VisualDL yet.
"""

import argparse
import base64
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from playwright.sync_api import sync_playwright

LIMIT = 60  # seconds to wait for anything: a loaded machine is slow
SIZE = {"width": 1280, "height": 1100}  # pictures are fetched once they are in sight: the first two groups are
DRAWN = 300  # pixels: fewer are no curve and no picture
AXES = 5000  # pixels: fewer are the axes of the projector alone, which come before its points
CHART, PICTURES, POINTS, GRAPH, TABLE = (
    "main canvas",
    "main img[src^='blob:']",
    "article canvas >> nth=-1",
    "iframe",
    "main",
)
PAGES = {  # path below /app/: (where it draws, what to wait for, how many pixels of it)
    "scalar": (CHART, "coloured", DRAWN),
    "sample/image": (PICTURES, "inked", DRAWN),
    "histogram": (CHART, "coloured", DRAWN),
    "high-dimensional": (POINTS, "inked", AXES),
    "graph/dynamic_graph": (GRAPH, "inked", DRAWN),
    "hyper-parameter": (TABLE, None, 0),
    "pr-curve": (CHART, "coloured", DRAWN),
    "roc-curve": (CHART, "coloured", DRAWN),
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
WATCH = """
(() => {
  const getContext = HTMLCanvasElement.prototype.getContext;  // what WebGL draws can only be read where it is kept
  HTMLCanvasElement.prototype.getContext = function (kind, options) {
    return getContext.call(this, kind, kind.startsWith('webgl') ? {...options, preserveDrawingBuffer: true} : options);
  };
  const small = document.createElement('canvas'), context = small.getContext('2d', {willReadFrequently: true});
  [small.width, small.height] = [160, 120];
  const shows = (canvas, coloured) => {
    if (!canvas.width || !canvas.height) return false;
    context.clearRect(0, 0, 160, 120);
    context.drawImage(canvas, 0, 0, 160, 120);
    const data = context.getImageData(0, 0, 160, 120).data;
    let found = 0;
    for (let at = 0; at < data.length; at += 4) {
      const most = Math.max(data[at], data[at + 1], data[at + 2]), least = Math.min(data[at], data[at + 1], data[at + 2]);
      if (data[at + 3] > 0 && most - least > (coloured ? 40 : 10)) found += 1;
    }
    return found >= 30;
  };
  window.showsData = shows;
  const all = selector => [...document.querySelectorAll(selector)];
  const ready = {
    'histogram': () => all('main canvas').some(canvas => shows(canvas, true)),
    'sample/image': () => all("main img[src^='blob:']").some(image => image.complete && image.naturalWidth),
    'high-dimensional': () => all('article canvas').some(canvas => shows(canvas, false)),
    'graph/dynamic_graph': () => all('iframe').some(frame => frame.contentDocument && frame.contentDocument.querySelector('svg text')),
    'hyper-parameter': () => all('main').some(table => /(result|train)\\//.test(table.textContent)),
  };
  for (const page of ['scalar', 'pr-curve', 'roc-curve']) ready[page] = ready['histogram'];
  const page = location.pathname.replace('/app/', '');
  if (window.top !== window || !ready[page]) return;
  const timer = setInterval(() => {
    if (!ready[page]()) return;
    clearInterval(timer);
    window.secondsToData = performance.now() / 1000;
  }, 50);
})();
"""


def pixels(counter: Any, place: Any, kind: Optional[str], least: int) -> Dict[str, int]:
    """What is drawn at a place, once at least so many pixels are of that kind, or after the limit; None waits for nothing.

    A chart ("coloured") grows from left to right when its page opens: with just enough pixels it may lack a curve, so it must also be
    the same twice.
    """
    end = time.monotonic() + LIMIT
    before: Dict[str, int] = {}
    while True:
        seen: Dict[str, int] = counter.evaluate(COUNT, base64.b64encode(place.screenshot()).decode())
        enough = kind is None or (seen[kind] >= least and (kind != "coloured" or seen == before))
        if enough or time.monotonic() > end:
            return seen
        before = seen
        counter.wait_for_timeout(200)


def open_page(page: Any, address: str, name: str) -> float:
    """Open one page and wait until it shows data; returns the seconds that it took."""
    page.goto(f"{address}/{name}", wait_until="commit")
    return float(page.wait_for_function("window.secondsToData", polling=20, timeout=LIMIT * 1000).json_value())


def see(page: Any, counter: Any, address: str, name: str) -> Dict[str, Any]:
    """Open one page, and say what it draws."""
    seconds = open_page(page, address, name)
    where, kind, least = PAGES[name]
    place = page.locator(where).first
    if where == PICTURES and page.get_by_text("confusion", exact=True).count():
        page.get_by_text("numbers", exact=True).click()  # the samples of G; at first only the first group is open
        place = page.locator(where).nth(1)
    texts = []
    if where == GRAPH:
        layers = page.frame_locator("iframe").locator("svg text")
        texts = [layer.text_content() for layer in layers.all()]
    place.wait_for()
    return {"seconds": round(seconds, 2), **pixels(counter, place, kind, least), "graph": texts, "text": page.inner_text("body")}


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """The browser that CHROMIUM names."""
    flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # WebGL without a GPU
    flags.append("--disable-accelerated-2d-canvas")  # which is slow to read without one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=flags, timeout=LIMIT * 1000)
        yield browser
        browser.close()


def new_page(browser: Any, **options: Any) -> Any:
    """A page of a browser that has seen nothing yet."""
    page = browser.new_context(**{"viewport": SIZE, **options}).new_page()
    page.set_default_timeout(LIMIT * 1000)
    page.add_init_script(WATCH)
    return page


def main(addresses: Dict[str, str], folder: Optional[Path]) -> None:
    """See every page of every dashboard, keep a screenshot of each, and print what they show."""
    seen: Dict[str, Dict[str, Any]] = {}
    with chromium() as browser:
        counter = browser.new_page()  # counts pixels, undisturbed by the scripts of the dashboard
        for dashboard, address in addresses.items():
            page, seen[dashboard] = new_page(browser), {}
            for name in PAGES:
                if folder is None:
                    seen[dashboard][name] = {"seconds": round(open_page(page, address, name), 2)}
                    page.context.close()
                    page = new_page(browser)
                else:
                    seen[dashboard][name] = see(page, counter, address, name)
                    page.screenshot(path=folder / f"{name.replace('/', '-')}-{dashboard}.jpg", type="jpeg", quality=70)
    print(json.dumps(seen))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("addresses", nargs="+")
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    main(dict(address.split("=", 1) for address in given.addresses), given.to)
