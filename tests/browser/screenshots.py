"""Pictures of the page to look at, and the README's: ``python -m tests.browser.screenshots FOLDER [--readme]``."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from tests.browser.house import Dashboard, LivePage, launch_chromium, wait_until

SIZES = {"laptop": (1366, 768), "phone": (390, 844), "projector": (1920, 1080)}
LOOKING = {
    "features": "document.querySelector('.ps-unit')?.dataset.complete === 'true'",
    "take-apart": "Number(document.querySelector('.pa-root')?.dataset.decodes ?? 0) > 1",
    "sparsity": "document.querySelector('.pl-root')?.dataset.surveyed",
    "classify": "document.querySelector('[data-testid=stButton], .pl-root')",
}
"""Pages that look at a run, and when each stands."""

README = Path(__file__).resolve().parents[2] / "assets" / "screenshots" / "train.png"


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", action="store_true", help="also replace the README's screenshot")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as runs, sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        house = Dashboard(Path(runs) / "runs").start()
        try:
            address = trained(browser, house, options.folder)
            for name, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    take(browser, address, options.folder / f"{name}-{scheme}.png", width, height, scheme)
            for page, ready in LOOKING.items():
                for name in ("laptop", "phone"):
                    for scheme in ("light", "dark"):
                        path = options.folder / f"{page}-{name}-{scheme}.png"
                        look(browser, f"{house.url}{page}?{urlsplit(address).query}", ready, path, *SIZES[name], scheme)
            take(browser, address + "&lecture=1", options.folder / "lecture.png", 1366, 768, "light")
            take(browser, address + "&digit=0", options.folder / "digit.png", 1366, 768, "light")
        finally:
            house.stop()
            browser.close()
    if options.readme:
        README.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(options.folder / "laptop-light.png", README)


def trained(browser: Browser, house: Dashboard, folder: Path) -> str:
    """Before anything is pressed; then the address of a run that has seen the penalty move, paused."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    live = LivePage(page).open(house.url)
    page.wait_for_timeout(1000)
    page.screenshot(path=folder / "first.png")
    page.locator(".ps-select").select_option("full")
    live.play()
    wait_until(lambda: live.number("step") > 900, 120, "training did not get far")
    live.drag_dial(0.63, 0.75)
    wait_until(lambda: live.number("step") > 1300, 120, "training did not get far")
    live.drag_dial(0.75, 0.63)
    wait_until(lambda: live.number("step") > 1900, 120, "training did not get far")
    live.play()
    wait_until(lambda: live.shown("state") == "paused", 10, "it did not pause")
    address = live.address
    page.close()
    return address


def take(browser: Browser, address: str, path: Path, width: int, height: int, scheme: str) -> None:
    """One picture of the page at rest."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    page = context.new_page()
    LivePage(page).open(address)
    page.wait_for_timeout(2000)
    page.screenshot(path=path, full_page=width < 600)
    context.close()


def look(browser: Browser, address: str, ready: str, path: Path, width: int, height: int, scheme: str) -> None:
    """One picture of a page that looks at a run, as long as the page is."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]  # a literal
    page = context.new_page()
    page.goto(address)
    page.wait_for_function(ready, timeout=60_000)
    page.wait_for_timeout(2000)
    length = int(page.evaluate("document.querySelector('.stMain').scrollHeight"))
    page.set_viewport_size({"width": width, "height": min(max(height, length), 6000)})
    page.wait_for_timeout(500)
    page.screenshot(path=path)
    context.close()


if __name__ == "__main__":
    main()
