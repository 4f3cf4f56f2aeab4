"""Compose and Draw as a person uses them, in Chromium."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from air_core.browser.single_file import single_file
from air_core.runs import find_run
from tests.server import browser_page, served, wait_until_done

BOX = ".air-studio .holdable"
DRAG = """async (group, moves) => {
  const box = group.querySelector(".box"), svg = group.closest("svg");
  const { left, top, width, height } = box.getBoundingClientRect();
  const x = left + width / 2, y = top + height / 2, times = [];
  const fire = (type, dx, dy) => {
    const target = type === "pointerdown" ? box : svg;
    target.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1, clientX: x + dx, clientY: y + dy, button: 0 }));
  };
  svg.setPointerCapture = () => {};
  fire("pointerdown", 0, 0);
  for (let k = 1; k <= moves; k++) {
    const start = performance.now();
    fire("pointermove", 40 * Math.sin(k / 30), 40 * Math.sin(k / 47));
    times.push(performance.now() - start);
    if (k % 20 === 0) await new Promise(requestAnimationFrame);
  }
  const sent = window.airSent?.length ?? 0;
  fire("pointerup", 0, 0);
  return { times, sent };
}"""


@pytest.fixture(scope="module")
def studio():
    """The app, a page on it, and what went wrong there."""
    with served() as address, browser_page(address) as (page, wrong):
        yield address, page
        assert not wrong


@pytest.fixture
def compose(studio):
    address, page = studio
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.goto(f"{address}/Compose")
    page.wait_for_selector(BOX, timeout=60_000)
    wait_until_done(page)
    return page


def numbers(page) -> list[float]:
    """The values of the z_where sliders, object by object."""
    sliders = page.locator(".air-studio .card > .slider input")
    return sliders.evaluate_all("all => all.map((one) => Number(one.value))")


def picture(page) -> str:
    return page.locator(".air-studio .large canvas").first.evaluate("one => one.toDataURL()")


def above(page) -> float:
    text = page.locator(".air-studio .readouts output").first.inner_text()
    return float(re.sub(r"[^\d.−-]", "", text).replace("−", "-"))


def test_boxes_sliders_and_picture_follow_each_other(compose):
    page = compose
    before, painted, explained = numbers(page), picture(page), above(page)
    box = page.locator(BOX).first.locator(".box").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 30, steps=5)
    during = numbers(page)
    assert during[0] == before[0] and during[1] < before[1] and during[2] < before[2]
    assert picture(page) != painted and above(page) < explained
    page.mouse.up()
    slider = page.get_by_label("x, first object")
    slider.focus()
    left = page.locator(BOX).first.locator(".box").bounding_box()["x"]
    page.keyboard.press("ArrowRight")
    assert page.locator(BOX).first.locator(".box").bounding_box()["x"] < left
    page.get_by_role("button", name="Ask the guide").click()
    assert numbers(page) == pytest.approx(before, abs=0.011) and picture(page) == painted


def test_corner_scales(compose):
    page = compose
    before, corner = numbers(page), page.locator(BOX).first.locator(".corner").bounding_box()
    x, y = corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40, steps=3)
    page.mouse.up()
    assert numbers(page)[0] < before[0] and numbers(page)[3:] == before[3:]


def test_nothing_but_the_keyboard(compose):
    page, box = compose, compose.locator(BOX).first
    before, painted = numbers(page), picture(page)
    page.locator(BOX).last.focus()
    page.keyboard.press("Shift+Tab")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowRight")
    assert numbers(page)[1] < before[1]
    page.keyboard.press("Shift+ArrowUp")
    assert numbers(page)[0] < before[0]
    page.keyboard.press("Delete")
    assert page.locator(BOX).count() == len(before) // 3 - 1
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert page.locator(BOX).count() == len(before) // 3
    assert numbers(page) == before and picture(page) == painted


def test_every_control_has_a_name(compose, studio):
    address, page = studio
    for name in ("Compose", "Draw"):
        page.goto(f"{address}/{name}")
        page.wait_for_selector(".air-studio canvas", timeout=60_000)
        nameless = page.locator(".air-studio").evaluate("""(studio) => [...studio.querySelectorAll(":is(button, input, select, summary, canvas, [tabindex])")]
          .filter((one) => !one.closest("[aria-hidden]") && !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.[0]?.textContent.trim()))
          .map((one) => one.outerHTML.slice(0, 200))""")
        assert not nameless


def test_a_drag_asks_the_server_for_nothing(compose):
    page, sent = compose, []
    page.wait_for_timeout(500)
    page.on("request", lambda request: sent.append(request.url))
    page.on("websocket", lambda socket: sent.append(socket.url))
    page.evaluate("""() => { const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (...what) { (window.airSent ??= []).push(performance.now()); return send.apply(this, what); }; }""")
    said = page.locator(BOX).first.evaluate(DRAG, 300)
    assert len(said["times"]) == 300 and not sent and not said["sent"]
    page.wait_for_function("!!(window.airSent?.length)")  # the release


def test_a_release_reaches_torch_and_the_address(compose):
    page = compose
    page.locator(BOX).first.focus()
    page.keyboard.press("ArrowLeft")
    line = page.get_by_text("PyTorch:")
    line.wait_for(timeout=20_000)
    browser, torch = re.search(r"Browser: (\S+ \+ \S+)\. PyTorch: (\S+ \+ \S+)\.", line.inner_text()).groups()
    for ours, theirs in zip(browser.split(" + "), torch.split(" + ")):
        assert float(ours) == pytest.approx(float(theirs), abs=0.01)
    page.wait_for_url("**objects=**")
    moved, address = numbers(page), page.url
    page.goto(address)
    page.wait_for_selector(BOX, timeout=60_000)
    assert numbers(page) == pytest.approx(moved, abs=0.011)


def test_an_empty_composition_is_one(compose):
    page = compose
    for _ in range(2):
        page.get_by_role("button", name=re.compile("Remove the first")).click()
    page.get_by_text("PyTorch:").wait_for(timeout=20_000)
    assert page.locator(BOX).count() == 0 and not page.get_by_text("Traceback").count()
    page.keyboard.press("Control+z")
    assert page.locator(BOX).count() == 1


def test_objects_stay_with_their_scene(compose):
    page = compose
    page.locator(BOX).first.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**objects=**")
    before = picture(page)
    page.get_by_test_id("stNumberInputStepUp").click()
    page.wait_for_url(lambda url: "objects=" not in url)
    page.wait_for_selector(".air-studio .large canvas")
    expect(page.get_by_text("PyTorch:")).to_have_count(0)
    assert picture(page) != before


def test_going_away_and_back_keeps_objects_and_undo(compose):
    page = compose
    before = numbers(page)
    page.locator(BOX).first.focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("PyTorch:").wait_for(timeout=20_000)
    moved = numbers(page)
    for name in ("Draw", "Compose"):
        page.locator('[data-testid="stSidebarNavLink"]', has_text=name).click()
        page.get_by_role("heading", level=1, name=name).wait_for()
    page.wait_for_selector(BOX, timeout=30_000)
    assert numbers(page) == moved != before
    page.locator(BOX).first.focus()
    page.keyboard.press("Control+z")
    assert numbers(page) == pytest.approx(before, abs=0.011)


def test_cloud_and_adding(compose):
    page = compose
    page.get_by_role("button", name="Posterior cloud").click()
    page.get_by_text("100 samples of the guide by number").wait_for(timeout=30_000)
    assert page.locator(".air-studio .thin").count() > 100
    for kind in ("prior", "scene-1", "digit-3"):
        page.get_by_label("What to add").select_option(kind)
        page.get_by_role("button", name="Add object").click()
        assert page.locator(BOX).count() == 3
        if kind != "digit-3":
            page.get_by_role("button", name="Remove the third object").click()
    expect(page.get_by_role("button", name="Add object")).to_be_disabled()
    page.locator(".air-studio summary").last.click()
    painted = picture(page)
    page.locator(".air-studio .pad").last.focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    assert picture(page) != painted


def stroke(page, points: list[tuple[float, float]]) -> None:
    """A line through points, in shares of the surface."""
    box = page.locator(".air-studio .surface").bounding_box()
    for k, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
        if k == 0:
            page.mouse.down()


def test_drawing_is_answered_during_the_stroke_and_kept(studio):
    address, page = studio
    page.goto(f"{address}/Draw")
    page.wait_for_selector(".air-studio .surface", timeout=60_000)
    page.get_by_role("button", name="Clear").click()
    chosen = page.locator(".air-studio .bar.chosen > span")
    assert chosen.inner_text() == "0"
    page.get_by_text("Draw a digit, or two.").wait_for()
    stroke(page, [(0.35, 0.3), (0.35, 0.62)])
    assert chosen.inner_text() == "1"  # the pen is still down
    page.mouse.up()
    page.get_by_role("button", name="Erase").click()
    stroke(page, [(0.35, 0.28), (0.35, 0.64)])
    page.mouse.up()
    assert chosen.inner_text() == "0"
    page.get_by_role("button", name="Undo").click()
    assert chosen.inner_text() == "1"
    page.get_by_role("button", name="Undo").click()
    assert chosen.inner_text() == "0"
    page.get_by_role("button", name="Erase").click()
    stroke(page, [(0.1, 0.1), (0.9, 0.15), (0.9, 0.9), (0.1, 0.85), (0.1, 0.1), (0.9, 0.9)])
    page.mouse.up()
    page.get_by_text("Unexplained ink").wait_for()
    page.get_by_role("button", name="Keep").click()
    page.get_by_text("Kept.").wait_for()
    page.locator('[data-testid="stSidebarNavLink"]', has_text="Compose").click()
    page.get_by_text("kept drawings").click()
    page.get_by_label("Drawing").wait_for()
    page.wait_for_selector(".air-studio .large canvas")
    page.locator('[data-testid="stSidebarNavLink"]', has_text="Attention").click()
    page.get_by_role("heading", level=1, name="Attention").wait_for()
    wait_until_done(page)
    page.get_by_text("Kept drawings", exact=True).click()
    page.get_by_text("drawing 1", exact=True).wait_for(timeout=10_000)


def test_the_network_comes_once(studio):
    address, page = studio
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/Compose")
    page.wait_for_selector(BOX, timeout=60_000)
    page.locator(BOX).first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        page.get_by_text("PyTorch:").wait_for(timeout=20_000)
    for name in ("Draw", "Compose"):
        page.locator('[data-testid="stSidebarNavLink"]', has_text=name).click()
        page.get_by_role("heading", level=1, name=name).wait_for()
        page.wait_for_selector(".air-studio .large canvas", timeout=30_000)
    assert sum("weights-" in url for url in asked) == 1
    assert sum("engine/air.js" in url for url in asked) == 1


def test_a_finger_moves_a_box(compose):
    page = compose
    before, box = numbers(page), page.locator(BOX).first.locator(".box").bounding_box()
    finger = page.context.new_cdp_session(page)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 30, "y": y}]),
        ("touchMove", [{"x": x + 60, "y": y}]),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_timeout(200)
    assert numbers(page)[1] < before[1] and numbers(page)[2] == pytest.approx(before[2], abs=0.02)


def test_pictures_of_ones_own(studio):
    address, page = studio
    page.goto(f"{address}/Draw")
    page.wait_for_selector(".air-studio .surface", timeout=60_000)
    page.get_by_text("Upload a picture").click()
    files = page.locator('[data-testid="stFileUploader"] input[type=file]')
    files.set_input_files(
        {"name": "bad.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}
    )
    page.get_by_text("no picture that can be read").wait_for()
    pixels = np.full((200, 200), 255, np.uint8)
    pixels[70:130, 94:104] = 0
    good = io.BytesIO()
    Image.fromarray(pixels).save(good, "PNG")
    files.set_input_files({"name": "one.png", "mimeType": "image/png", "buffer": good.getvalue()})
    page.get_by_text("no picture that can be read").wait_for(state="hidden")
    expect(page.locator(".air-studio .bar.chosen > span")).to_have_text("1")
    page.goto(f"{address}/Compose?target-source=own+picture")
    files = page.locator('[data-testid="stFileUploader"] input[type=file]')
    files.set_input_files({"name": "one.png", "mimeType": "image/png", "buffer": good.getvalue()})
    page.wait_for_selector(BOX)
    assert page.locator(BOX).count() == 1


def test_downloads_of_a_drawing(studio, tmp_path):
    address, page = studio
    page.goto(f"{address}/Draw")
    page.wait_for_selector(".air-studio .surface", timeout=60_000)
    files = {}
    for name in ("PNG", ".npz"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        files[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[name])
    images = np.load(files[".npz"])["images"]
    assert images.shape == (1, 50, 50) and images.dtype == np.uint8 and images.max() > 100
    assert (np.asarray(Image.open(io.BytesIO(files["PNG"].read_bytes())).convert("L")) == images[0]).all()


def test_the_saved_file_works_offline(studio, tmp_path):
    address, page = studio
    page.goto(f"{address}/Compose")
    page.wait_for_selector(BOX, timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("Take the studio away")).click()
    path = tmp_path / "studio.html"
    download.value.save_as(path)
    assert path.stat().st_size < 12e6
    alone = page.context.browser.new_context(offline=True).new_page()
    asked, wrong = [], []
    alone.on("request", lambda request: asked.append(request.url))
    alone.on("pageerror", lambda error: wrong.append(str(error)))
    alone.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    alone.goto(path.as_uri())
    alone.wait_for_selector(BOX, timeout=30_000)
    painted = picture(alone)
    alone.locator(BOX).first.focus()
    alone.keyboard.press("ArrowRight")
    assert picture(alone) != painted
    alone.get_by_role("tab", name="Draw").click()
    alone.wait_for_selector(".air-studio .bar.chosen")
    assert not wrong and not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    alone.context.close()


def test_nothing_of_the_data_ends_its_element():
    text = single_file(b"1234", {"title": "</script><img src=x onerror=alert(1)>"})
    assert "<img" not in text and find_run("multi_mnist").name not in text
