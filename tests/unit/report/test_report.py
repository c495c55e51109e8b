import html
import json
import re
import resource
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

import junto as sf
from junto.markup import UNKNOWN, table
from junto.net.api import Stamp
from junto.program.timeline import Timeline
from junto.report import charts

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECRET = 727272.5


class Page(HTMLParser):
    """Tags, text and whatever could load or run something."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.loads = [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action") or name.startswith("on"):
                self.loads.append((tag, name, value))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def report():
    with sf.Session(["alice", "bob", "carol"], address="local"):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        spu = sf.SPU(parties=["alice", "bob", "carol"])
        for _ in range(3):
            x = alice(np.full)(3, SECRET)
            moved = x.to(bob)
        sf.wait(bob(np.sum)(moved))
        sf.wait(spu(lambda v: v + 1)(x))
        yield sf.Report("Who pays <late>?")


def test_it_says_what_ran_what_crossed_and_whom_to_trust(report):
    text = Page(report.html()).text
    assert "Who pays <late>?" in text
    assert "any two of them together could read everything" in text
    assert "alice(full)" in text
    assert "bob(sum)" in text
    assert "alice bob ndarray[float64] 3 " in text  # one line of the script, three crossings of it
    assert "test_report.py:" in text


def test_it_says_who_was_shown_what_and_nothing_of_shares(report):
    carol = sf.PYU("carol")
    sf.reveal(carol(int)(7), to=["alice", "carol"])
    text = report.html()
    shown = text[text.index("What each party was shown") : text.index("What crossed, line by line")]
    rows = re.sub("<[^>]+>", " ", re.sub("<details>.*?</details>", "", shown)).split()
    assert " ".join(rows[rows.index("bob") :][:3]).startswith("bob alice 3")
    assert rows[rows.index("carol") - 1 :][:3] == ["alice", "carol", "1"]
    assert "share" not in shown
    assert "layout" not in shown


def test_what_the_nodes_of_an_spu_send_each_other_is_in_the_sums(report):
    """As between processes, where the ledger has it."""
    before = across(report)
    x = sf.PYU("alice")(np.full)(1000, SECRET).to(spu := sf.SPU(parties=["alice", "bob", "carol"]))
    with spu.profile() as profile:
        sf.wait(spu(lambda v: v > 1)(x))
    after = across(report)
    for edge, sent in (
        ("alice bob", profile.total("alice").online_bytes),
        ("bob alice", profile.total("bob").online_bytes),
        ("carol bob", profile.total("carol").offline_bytes),
    ):
        assert after[edge] - before.get(edge, 0) >= sent > 1000


def across(report):
    """Bytes by edge, as they stand on the page."""
    text = Page(report.html()).text
    rows = text[text.index("What crossed each edge") : text.index("What each party was shown")]
    return {ends: int(n.replace(",", "")) for ends, n in re.findall(r"(\w+ \w+) \d+ ([\d,]+)", rows)}


def test_steps_of_one_line_fold_into_one_row(report):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    sf.wait([alice(float)(1), alice(abs)(1), alice(int)(1).to(bob), bob(str)(1)])
    text = report.html()
    page = Page(text)
    assert all(f"{step})" in page.text for step in ("alice(float", "alice(abs", "alice(int", "bob(str"))
    folded = re.sub("<details>.*?</details>", "", text)
    ran = folded[folded.index("What ran") : folded.index("Who was waited for")]
    sites = re.findall(r"<tr><td[^>]*>([^<]*:\d+)</td>", ran)
    assert len(sites) > 3
    assert len(sites) == len(set(sites))


def test_what_is_not_known_is_a_dash_and_no_zero():
    stamp = Stamp(1, b"", "alice(f)", "fit.py:1")
    timeline = Timeline()
    timeline.begun(stamp)
    assert timeline.spells()[0].took_s is None
    cells = table(("seconds",), [[None], [0.0], [1.5]])
    assert re.findall("<td.*?>(.*?)</td>", cells) == [UNKNOWN, "0", "1.5"]
    timeline.took(stamp, 0.0)
    assert timeline.spells()[0].took_s == 0.0


def test_no_value_stands_in_it_that_the_script_did_not_put_there(report):
    text = report.html()
    assert "727272" not in text
    report.figures("Sum", {"revealed": 3 * SECRET})
    assert f"{3 * SECRET:.4g}" in report.html()


def test_a_handle_is_refused_with_the_way_out(report):
    handle = sf.PYU("alice")(float)(1)
    for add in (
        lambda: report.figures("A", {"x": handle}),
        lambda: report.table("A", [{"x": handle}]),
        lambda: report.curve("A", handle, handle),
        lambda: report.bars("A", ["x"], handle),
    ):
        with pytest.raises(sf.DeviceError, match=r"sf\.reveal"):
            add()


def test_what_a_script_adds_is_text_and_never_html(report):
    evil = "<script>alert(1)</script>"
    report.text(evil, evil)
    report.figures(evil, {evil: evil})
    report.table(evil, [{evil: evil}])
    report.curve(evil, [0, 1], [0, 1], labels=(evil, evil))
    report.bars(evil, [evil], [1.0])
    page = Page(report.html())
    assert "script" not in page.tags
    assert page.loads == []
    assert page.text.count(evil) == 13


def test_charts_take_what_data_brings(report):
    report.curve("One point", [2.0], [3.0], diagonal=True)
    report.curve("Flat", np.arange(4), np.zeros(4))
    report.bars("None", [], [])
    report.bars("Zeros", ["a", "b"], np.zeros(2))
    assert "nan" not in report.html().lower()
    with pytest.raises(sf.DeviceError, match="3 and 2"):
        report.curve("Uneven", [1, 2, 3], [1, 2])
    with pytest.raises(sf.DeviceError, match="1 names for 2"):
        report.bars("Uneven", ["a"], [1, 2])


def test_bars_stand_where_the_waits_were_and_stay_within_their_lane():
    drawn = charts.lanes({"for <bob>": [(1.0, 2.0, 'f(x) & "g"'), (9.0, 3.0, "late")], "for carol": []}, 10.0)
    places = re.findall(r"left:([0-9.]+)%;width:([0-9.]+)%", drawn)
    assert [(float(left), float(width)) for left, width in places] == [(8.33, 16.67), (75.0, 25.0)]
    assert Page(drawn).text == "for <bob> for carol 0 s 12 s"
    assert "f(x) &amp; &quot;g&quot;" in drawn
    assert "nan" not in charts.lanes({"for bob": [(0.0, 0.0, "")]}, 0.0)


LONG = "a_name_without_any_place_to_break_it_" * 4
WIDTHS = 400, 1280
MEASURE = """
const shown = (box) => box.width > 0 && box.height > 0;
const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1
  || b.bottom <= a.top + 1;
const faults = [];
window.onload = () => {
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, width = frame.clientWidth;
    const say = (what, each) => faults.push(`${width}: ${what}: ${each.outerHTML.slice(0, 120)}`);
    if (page.documentElement.scrollWidth > width) say("the page is wider than the screen", page.body);
    for (const each of page.body.querySelectorAll("*")) {
      const box = each.getBoundingClientRect(), scrolls = each.parentElement.closest(".wide");
      if (!scrolls && (box.left < -1 || box.right > width + 1)) say("beyond the edge", each);
      const drawing = each.closest("svg");
      if (drawing && each !== drawing && shown(box)) {
        const around = drawing.getBoundingClientRect();
        if (box.left < around.left - 1 || box.right > around.right + 1) say("cut off by its drawing", each);
      }
    }
    for (const kind of ["section", ".bar > *", ".lane > *", "h2, p, .wide, svg, .bars, .lanes"]) {
      const all = [...page.querySelectorAll(kind)].filter((e) => shown(e.getBoundingClientRect()));
      all.forEach((one, i) => all.slice(i + 1).forEach((two) => {
        const clear = one.contains(two) || apart(one.getBoundingClientRect(), two.getBoundingClientRect());
        if (!clear) say("on top of another", two);
      }));
    }
    const lefts = new Set([...page.querySelectorAll("section")].map((e) => e.getBoundingClientRect().left));
    document.title += `${width}: ${lefts.size} columns, ${page.querySelectorAll("section").length} sections;`;
  }
  document.body.textContent = JSON.stringify([document.title, faults]);
};
"""


def test_nothing_is_cut_off_or_covered_on_a_narrow_and_on_a_wide_screen(report, tmp_path):
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: the page was not looked at in a browser")
    report.curve("ROC curve", [0, 0.2, 1], [-1e-9, 0.8, 1e12], labels=(LONG[:40], "rate"), diagonal=True)
    report.bars("Coefficients of " + LONG, [LONG, "age"], [-1.0, 2e-300])
    report.text(LONG, LONG)
    report.figures("Figures", {LONG: LONG, "n": 3})
    report.table("Wide", [{f"column {i}": 10.0**i for i in range(40)}])
    source = html.escape(report.html().replace("<details>", "<details open>"))
    frames = [
        f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{source}"></iframe>'
        for width in WIDTHS
    ]
    page = tmp_path / "both.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><script>{MEASURE}</script>{''.join(frames)}")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1800,1000"]
    seen = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=240, check=True
    ).stdout
    body = html.unescape(seen[seen.index("<body>") + len("<body>") : seen.index("</body>")])
    title, faults = json.loads(body)
    assert faults == []
    assert title == "400: 1 columns, 12 sections;1280: 2 columns, 12 sections;"


def test_each_table_scrolls_in_a_box_of_its_own(report):
    text = report.html()
    assert text.count("<table>") == text.count('<div class="wide" style="overflow-x:auto"><table>')


def test_a_disk_without_room_leaves_the_page_that_was_there(report, tmp_path):
    """A half page would be taken for a whole one."""
    page = report.save(tmp_path / "report.html")
    before = page.read_text()
    report.text("More", "x" * 100_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            report.save(page)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert page.read_text() == before
    assert list(tmp_path.iterdir()) == [page]
