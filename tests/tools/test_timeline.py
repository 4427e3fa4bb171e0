"""What happened when: exports in the order of time, the flame chart, and the page's timeline, of events that are
written down here. Readers of formats know nothing but the formats; sums are made the slow way."""

from __future__ import annotations

import json
import random
import subprocess
import zlib
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from example import example
from html_page import data_of, driven, needs_browser, page
from made_events import Events, Label, Track, labels, merged, random_events, random_track, repeated
from prof.capture import Capture, open_capture
from prof.tools.analysis import timeline
from prof.tools.cli import main
from prof.tracks import Columns, Grouping, Stretches, merge
from running import PROF, environment

Have = Callable[[Events | None], None]


@pytest.fixture
def have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Have:
    """A capture in the working directory, with the events that are given."""
    monkeypatch.chdir(tmp_path)
    Path("app.capture").write_bytes(example().build())

    def give(events: Events | None) -> None:
        monkeypatch.setattr(Capture, "events", lambda _: events)

    return give


def with_an_end() -> Events:
    """Events whose last spans had not ended."""
    events = random_events(5)
    track = events.tracks[1]
    at = max(start + took for start, took, _, _ in track.rows())
    for depth in range(3):
        track.add(at + depth, events.duration_ns - at - depth, depth + 1, depth, ended=False)
    return events


# ---- merged ----


@pytest.mark.parametrize("seed", range(4))
def test_short_neighbours_are_merged_as_one_would_by_hand(seed: int) -> None:
    known = labels()
    track = random_track(random.Random(seed), 1500, 1_000_000, len(known))
    groups = Grouping(bytes({"gc": 1, "section": 255}.get(label.kind, 0) for label in known))
    columns = Columns(track)
    for least in (0, 1, 300, 1 << 14, 1 << 20):
        items = merge(columns, (0, 1 << 40), least, groups)
        found = {
            depth: [[i.start_ns, i.duration_ns, i.busy_ns, i.count, i.label] for i in row]
            for depth, row in items.rows()
        }
        assert found == merged(list(track.rows()), least, groups.of.__getitem__, groups.never)


def test_a_range_has_what_reaches_into_it() -> None:
    track = random_track(random.Random(7), 1500, 1_000_000, 24)
    items = merge(Columns(track), (200_000, 300_000), 0, Grouping(bytes(24)))
    expected = [row for row in track.rows() if row[0] < 300_000 and row[0] + row[1] >= 200_000]
    assert Counter((i.start_ns, i.duration_ns, i.label, d) for d, row in items.rows() for i in row) == Counter(expected)


def test_as_many_boxes_as_a_picture_may_have() -> None:
    events = repeated(random_events(2), 100_000)
    shown = timeline.timeline(events, None, 3000)
    assert shown.spans > 90_000 and 300 < shown.boxes <= 3000
    assert sum(item.count for row in shown.rows for _, items in row.items.rows() for item in items) == shown.spans
    assert "are merged" in shown.merged_words
    assert timeline.timeline(events, None, 200_000).least_ns == 0


def test_what_contexts_had_by_stretch_is_what_the_innermost_span_had_each_nanosecond() -> None:
    track = random_track(random.Random(3), 150, 4000, 3, deepest=4)
    # The contexts: 1 is label 0; below it 2 is label 1; 3 is label 2 at the top. All else is charged to what is above.
    child, sibling = array("I", [1, 2, 0, 0]), array("I", [0, 3, 0, 0])
    of, into = array("I", [99, 0, 1, 2]), array("I", [0, 1, 2, 3])
    tree = {0: {0: 1, 2: 3}, 1: {1: 2}}
    expected: Counter[tuple[int, int]] = Counter()
    calls: Counter[tuple[int, int]] = Counter()
    begin, end, count = 500, 3503, 7
    edges = [begin + (end - begin) * n // count for n in range(count + 1)]
    stretch = [next(n for n in range(count) if edges[n] <= ns < edges[n + 1]) for ns in range(begin, end)]
    rows = list(track.rows())
    contexts: list[int] = []
    path: list[int] = []
    for start, _, label, depth in rows:
        above = path[depth - 1] if depth else 0
        contexts.append(tree.get(above, {}).get(label, above))
        path[depth:] = [contexts[-1]]
        if contexts[-1] != above and begin <= start < end:
            calls[contexts[-1], stretch[start - begin]] += 1
    for ns in range(begin, end):
        inside = [n for n, (start, took, _, _) in enumerate(rows) if start <= ns < start + took]
        if inside and contexts[inside[-1]]:
            expected[contexts[inside[-1]], stretch[ns - begin]] += 1
    found = Stretches(4, (begin, end), count)
    found.add(Columns(track), child, sibling, of, into)
    assert {
        (c, s): found.own_ns[c * count + s] for c in range(4) for s in range(count) if found.own_ns[c * count + s]
    } == (expected)
    assert {
        (c, s): found.calls[c * count + s] for c in range(4) for s in range(count) if found.calls[c * count + s]
    } == (calls)


# ---- for other tools ----


def expected_spans(events: Events) -> Counter[tuple[Any, ...]]:
    """By process and thread: when, how long, the name; how long is None where it had not ended."""
    return Counter(
        (track.process, track.tid, start, None if n in track.open else took, events.labels[label].name)
        for track in events.tracks
        for n, (start, took, label, _) in enumerate(track.rows())
    )


def test_chrome(have: Have) -> None:
    events = with_an_end()
    have(events)
    assert main(["export", "--format", "chrome"]) == 0
    found = json.loads(Path("app.trace.json").read_text())["traceEvents"]
    spans: Counter[tuple[Any, ...]] = Counter()
    for event in found:
        assert {"ph", "name", "pid"} <= event.keys()
        if event["ph"] in "XB":
            took = round(event["dur"] * 1000) if event["ph"] == "X" else None
            spans[event["pid"], event["tid"], round(event["ts"] * 1000), took, event["name"]] += 1
    assert spans == expected_spans(events)
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in found if e["name"] == "thread_name"}
    assert names == {(track.process, track.tid): track.thread for track in events.tracks}
    assert [e["args"]["name"] for e in found if e["name"] == "process_name"] == ["app"]
    for series in events.series.values():
        counted = [e for e in found if e["ph"] == "C" and e["name"] == series.name]
        assert [round(e["ts"] * 1000) for e in counted] == list(series.times_ns)
        assert [value for e in counted for value in e["args"].values()] == list(series.values)
    instants = {e["name"]: (e["s"], e.get("tid"), e["args"]) for e in found if e["ph"] == "i"}
    assert instants["queue"] == ("t", 4711, {"value": 7.0}) and instants["reload"][:2] == ("p", None)
    assert instants["spans are missing"][2]["count"] == 1234


def test_perfetto(have: Have) -> None:
    from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

    events = with_an_end()
    have(events)
    assert main(["export", "--format", "perfetto"]) == 0
    trace, packets = Trace(), []
    trace.ParseFromString(Path("app.perfetto-trace").read_bytes())
    for packet in trace.packet:
        inner = Trace()
        if packet.HasField("compressed_packets"):
            inner.ParseFromString(zlib.decompress(packet.compressed_packets))
        packets += inner.packet or [packet]
    sequences: dict[int, dict[str, Any]] = {}
    tracks: dict[int, Any] = {}
    spans: Counter[tuple[Any, ...]] = Counter()
    counted: dict[str, list[tuple[int, int]]] = {}
    instants = {}
    for packet in packets:
        assert packet.trusted_packet_sequence_id
        if packet.sequence_flags & 1:
            own = next((c for c in packet.clock_snapshot.clocks if c.clock_id == 64), None)
            sequences[packet.trusted_packet_sequence_id] = {
                "now": own.timestamp if own else 0, "incremental": own is not None, "open": [],
                "track": packet.trace_packet_defaults.track_event_defaults.track_uuid,
                "names": {each.iid: each.name for each in packet.interned_data.event_names},
                "files": {each.iid: each.file_name for each in packet.interned_data.source_locations},
            }  # fmt: skip
        state = sequences[packet.trusted_packet_sequence_id]
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        state["now"] = packet.timestamp + (state["now"] if state["incremental"] else 0)
        now = state["now"] - (0 if state["incremental"] else events.start_unix_ns)
        track = tracks.get(event.track_uuid or state["track"])
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            assert state["files"][event.source_location_iid] == "/src/app.py"
            state["open"].append((track.thread.pid, track.thread.tid, now, state["names"][event.name_iid]))
        elif event.type == TrackEvent.TYPE_SLICE_END:
            pid, tid, start, name = state["open"].pop()
            spans[pid, tid, start, now - start, name] += 1
        elif event.type == TrackEvent.TYPE_COUNTER:
            counted.setdefault(track.name, []).append((now, event.counter_value))
        else:
            instants[event.name] = (
                now,
                {each.name: each.double_value or each.int_value for each in event.debug_annotations},
            )
    left = Counter((pid, tid, at, None, name) for state in sequences.values() for pid, tid, at, name in state["open"])
    assert spans + left == expected_spans(events)
    assert counted == {each.name: list(zip(each.times_ns, each.values, strict=True)) for each in events.series.values()}
    missing = events.tracks[0].missing[0]
    assert instants["queue"][1] == {"value": 7.0}
    assert instants["spans are missing"] == (missing[0], {"count": 1234, "length_ns": missing[1] - missing[0]})


def test_speedscope_has_a_profile_of_each_thread(have: Have) -> None:
    with open_capture("app.capture") as capture:
        known = [capture.label(n) for n in range(capture.label_count)]
    events = random_events(5, spans=600)
    for track in events.tracks:
        track.label = array("I", (label % len(known) for label in track.label))
    events.tracks[1].open.add(0)
    events.labels = known  # type: ignore[assignment]
    have(events)
    assert main(["export", "--format", "speedscope", "-o", "out"]) == 0
    document = json.loads(Path("out").read_text())
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    evented = [each for each in document["profiles"] if each["type"] == "evented"]
    assert [each["name"] for each in evented] == [f"{t.thread}, in the order of time" for t in events.tracks]
    for profile, track in zip(evented, events.tracks, strict=True):
        assert (
            profile["startValue"] <= profile["events"][0]["at"] and profile["events"][-1]["at"] == profile["endValue"]
        )
        spans, around, now = [], [], 0
        for event in profile["events"]:
            assert event["at"] >= now, "as speedscope wants it"
            now = event["at"]
            if event["type"] == "O":
                around.append((now, event["frame"]))
            else:
                start, frame = around.pop()
                assert frame == event["frame"]
                spans.append((start, now - start, frames[frame]))
        assert not around
        assert Counter(spans) == Counter((s, took, known[label].name) for s, took, label, _ in track.rows())


def test_perfetto_takes_few_bytes_a_span(have: Have) -> None:
    events = random_events(9, spans=40_000, length=900_000_000_000)
    have(events)
    assert main(["export", "--format", "perfetto", "-o", "out"]) == 0
    spans = sum(track.spans for track in events.tracks)
    assert spans > 18_000 and Path("out").stat().st_size < 14 * spans


def test_a_span_without_an_end_ends_where_the_next_one_begins(have: Have) -> None:
    track = Track("main", 1, 1)
    track.add(0, 100, 0, 0)
    track.add(10, 90, 1, 1, ended=False)  # of which the end was lost
    track.add(40, 20, 2, 1)
    have(Events([track], labels(), duration_ns=100))
    assert main(["export", "--format", "perfetto", "-o", "out"]) == 0
    assert main(["flamechart", "-o", "out.svg"]) == 0


@pytest.mark.parametrize(
    "command", [["flamechart"], ["export", "--format", "chrome"], ["export", "--format", "perfetto"]]
)
def test_without_events_one_line_says_what_to_record(
    have: Have, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    have(None)
    assert main(command) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "PROF=time,trace=64MB" in said
    assert not [path for path in Path().iterdir() if path.suffix != ".capture"]


PROGRAM = """
def inner(n):
    return n * n

def outer():
    return [inner(n) for n in range(40)]

for _ in range(25):
    outer()
"""


def test_a_recorded_program_has_each_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("program.py").write_text(PROGRAM)
    command = [*PROF, "run", "--modes", "time", "--trace", "4MB", "program.py"]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=60)
    (path,) = Path().glob("*.capture")
    with open_capture(path) as capture:
        calls = {f.label.name: f.calls for f in capture.functions(capture.tree()) if f.label.kind == "function"}
        events = capture.events()
    assert events is not None and calls["program.inner"] == 1000
    assert main(["export", "--format", "chrome", "-o", "out"]) == 0
    found = json.loads(Path("out").read_text())["traceEvents"]
    assert Counter(e["name"] for e in found if e.get("cat") == "function") == calls
    assert main(["flamechart", "-o", "out.svg"]) == 0
    data = data_of(page())
    assert [track["spans"] for track in data["timeline"]["tracks"]] == [track.spans for track in events.tracks]
    assert data["stretches"]["count"] == 400


# ---- the flame chart ----


def test_a_picture_has_each_span_and_says_what_is_missing(have: Have) -> None:
    events = with_an_end()
    have(events)
    assert main(["flamechart", "-o", "out.svg"]) == 0
    root = ET.parse("out.svg").getroot()
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    names = Counter(title.partition(":")[0] for title in titles)
    for label in events.labels:
        of = sum(number == label.index for track in events.tracks for number in track.label)
        assert names[label.name] == of or label.kind in ("section", "import", "gc")  # of which several have a name
    assert "1,234 spans missing here" in titles
    assert sum("not ended after" in title for title in titles) == 3


def test_a_range(have: Have, capsys: pytest.CaptureFixture[str]) -> None:
    events = random_events(5)
    have(events)
    assert main(["flamechart", "--range", "100ms..0.2s", "-o", "out.html"]) == 0
    data = data_of(Path("out.html").read_text())
    assert data["between"] == [100_000_000, 200_000_000]
    within = sum(
        s < 200_000_000 and s + took >= 100_000_000 for track in events.tracks for s, took, _, _ in track.rows()
    )
    assert data["boxes"] == within
    for wrong in ("5", "2s..1s", "..", "1x..2x", "1.2.3s.."):
        with pytest.raises(SystemExit):
            main(["flamechart", "--range", wrong])
        assert "is no range" in capsys.readouterr().err


def test_any_name_is_text(have: Have) -> None:
    odd = ["</script><script>alert(1)</script>", "]]>", 'a "b" <i>&amp;', "\u00e9\u4e2d", "\\u202e"]
    track = Track(odd[0], 1, 1)
    for number in range(len(odd)):
        track.add(number * 10, 9, number, 0)
    have(Events([track], [Label(n, "function", name, file=name) for n, name in enumerate(odd)], duration_ns=60))
    assert main(["flamechart", "-o", "out.html"]) == main(["flamechart", "-o", "out.svg"]) == 0
    text = Path("out.html").read_text("utf-8")
    assert text.count("</script>") == text.count("<script") == 5
    assert data_of(text)["tracks"][0]["name"] == odd[0]
    assert {name for name in odd if any(name in (each.text or "") for each in ET.parse("out.svg").iter())} == set(odd)
    assert main(["export", "--format", "chrome", "-o", "out"]) == 0
    found = json.loads(Path("out").read_text())["traceEvents"]
    assert [event["name"] for event in found if event["ph"] == "X"] == odd


HELPERS = """
const LOG = {};
const fire = (target, kind, more) => target.dispatchEvent(new (more && more.key ? KeyboardEvent : MouseEvent)(
  kind, {bubbles: true, cancelable: true, ...more}));
const key = (name) => fire(CHART.view, "keydown", {key: name});
function mouse(chart, kind, x, y) {
  const box = chart.view.getBoundingClientRect();
  fire(chart.view, kind, {clientX: box.left + x, clientY: box.top + y});
}
function drag(chart, from, to) {
  mouse(chart, "mousedown", from, 40);
  mouse(chart, "mousemove", to, 40);
  mouse(chart, "mouseup", to, 40);
}
// The middle of a box, in the view.
const middle = (chart, track, depth, at) => {
  const row = track.rows[depth];
  return [chart.x(row.start[at] + row.length[at] / 2),
          chart.top.get(track) - chart.scrolled + LINE.head + depth * LINE.span + 8];
};
"""


def in_chart(script: str, **more: Any) -> Any:
    """Runs a script in the page of the flame chart, as `html_page.driven` does in a report's."""
    import html
    import re

    import browser

    assert main(["flamechart", "-o", "out.html"]) == 0
    ending = "document.documentElement.dataset.log = JSON.stringify(LOG);"
    body = f"<script>{HELPERS}window.addEventListener('load', () => {{{script}\n{ending}}});</script></body>"
    path = Path("out.html").resolve()
    path.write_text(path.read_text("utf-8").replace("</body>", body), "utf-8")
    found = re.search(r'data-log="([^"]*)"', browser.dump_dom(path, **more))
    assert found, "the script failed"
    return json.loads(html.unescape(found[1]))


@needs_browser
def test_the_chart_is_zoomed_searched_and_read(have: Have) -> None:
    events = with_an_end()
    have(events)
    log = in_chart("""
      LOG.tracks = CHART.tracks.map(({name, rows}) => [name, rows.map(({start}) => start.length)]);
      const track = CHART.tracks[0], row = track.rows[0];
      mouse(CHART, "mousemove", ...middle(CHART, track, 0, 0));
      LOG.tip = Array.from(CHART.tip.children, (each) => each.textContent);
      mouse(CHART, "dblclick", ...middle(CHART, track, 0, 0));
      LOG.zoomed = [CHART.from <= row.start[0], CHART.to >= row.start[0] + row.length[0],
                    (CHART.to - CHART.from) < 1.1 * row.length[0] + 10];
      key("Escape");
      drag(CHART, CHART.width / 4, CHART.width / 2);
      LOG.dragged = [CHART.from / CHART.whole[1], CHART.to / CHART.whole[1]];
      LOG.address = location.hash;
      key("Escape");
      LOG.all = [CHART.from, CHART.to];
      QUERY.value = "load_1$"; fire(QUERY, "input");
      LOG.matched = CHART.matched.textContent;
      fire(QUERY, "keydown", {key: "Enter"}); QUERY.focus(); fire(QUERY, "keydown", {key: "Enter"});
      LOG.went = CHART.labels.name[CHART.pointed.track.rows[CHART.pointed.depth].label[CHART.pointed.at]];
      QUERY.value = "("; fire(QUERY, "input");
      LOG.odd = CHART.matched.textContent;
      QUERY.value = ""; fire(QUERY, "input"); key("Escape");
      const pixel = (x, y) => CHART.canvas.getContext("2d").getImageData(x, y, 1, 1).data;
      mouse(CHART, "click", 8, 0);
      const gap = track.missing[0];
      mouse(CHART, "mousemove", CHART.x((gap[0] + gap[1]) / 2), CHART.top.get(track) + LINE.head + 5);
      LOG.missing = Array.from(CHART.tip.children, (each) => each.textContent)[0];
      const [last] = CHART.tracks[1].open, row1 = CHART.tracks[1].rows[0];
      mouse(CHART, "mousemove", ...middle(CHART, CHART.tracks[1], 0, row1.start.length - 1));
      LOG.open = Array.from(CHART.tip.children, (each) => each.textContent)[1];
      const head = CHART.top.get(track) + 5;
      mouse(CHART, "mousedown", 30, head); mouse(CHART, "mouseup", 30, head);
      LOG.folded = track.folded;
    """)
    expected = []
    for track in events.tracks:
        depths = Counter(track.depth)
        expected.append([track.thread, [depths[depth] for depth in range(max(depths) + 1)]])
    assert log["tracks"] == expected
    first = events.labels[events.tracks[0].label[0]]
    assert log["tip"][0] == first.name and log["tip"][-1] == f"/src/app.py:{first.line}"
    assert log["zoomed"] == [True, True, True]
    assert log["dragged"] == pytest.approx([0.25, 0.5], abs=0.01)
    assert log["all"] == [0, events.duration_ns]
    matches = sum(number == 1 for track in events.tracks for number in track.label)
    assert log["matched"] == f"{matches:,} matches" and log["went"] == "app.load_1"
    assert log["odd"] == "0 matches"
    assert log["missing"].startswith("1,234 spans are missing here")
    assert log["open"].startswith("had not ended after")
    assert log["folded"] is True


@needs_browser
def test_many_spans_are_drawn_at_once(have: Have) -> None:
    have(repeated(random_events(3), 400_000))
    log = in_chart(
        """
      const begin = performance.now();
      for (const factor of [0.5, 0.5, 0.3, 0.1, 2, 2]) CHART.zoomBy(factor);
      LOG.step = (performance.now() - begin) / 6;
      LOG.boxes = CHART.tracks.reduce((sum, {rows}) => rows.reduce((all, {start}) => all + start.length, sum), 0);
    """,
        virtual=False,
    )
    print(f"{log['boxes']:,} boxes, a zoom step {log['step']:.1f} ms")
    assert log["boxes"] > 390_000


# ---- the page ----


def fitting(path: str) -> Events:
    """Events of the very contexts that a capture has: each call of each context once, one after the other."""
    with open_capture(path) as capture:
        tree = capture.tree()
        known = [Label(n, each.kind, each.name) for n in range(capture.label_count) for each in [capture.label(n)]]
        track = Track("MainThread", capture.pid, 4711)

        def put(node: int, at: int, depth: int) -> int:
            """Its own time first; returns when it ends."""
            place, begin = track.spans, at
            track.add(begin, 0, tree.label[node], depth)
            at += tree.self_ns[node]
            for below in tree.children(node):
                if not tree.line[below]:
                    at = put(below, at, depth + 1)
            track.duration_ns[place] = at - begin
            return at

        at = 0
        for node in tree.children(0):
            if not tree.line[node]:
                at = put(node, at, 0)
    return Events([track], known, duration_ns=at)


@needs_browser
def test_a_range_narrows_graphs_and_functions(have: Have) -> None:
    events = fitting("app.capture") if Path("app.capture").exists() else None
    have(events)
    assert events is not None
    log = driven("""
      unfold();
      LOG.whole = MEASURES[0].total[0];
      TIMELINE.choose([0, TIMELINE.whole[1]]);
      LOG.everything = MEASURES[0].total[0];
      TIMELINE.choose([TIMELINE.whole[1] * 0.25, TIMELINE.whole[1] * 0.5]);
      LOG.range = TIMELINE.range;
      LOG.part = MEASURES[0].total[0];
      LOG.said = byId("ranged").textContent;
      LOG.note = GRAPHS[0].note.textContent;
      LOG.table = TABLES[0].columns.find(({key}) => key === "self_ns").of.reduce((a, b) => a + b, 0);
      const total = TABLES[0].columns.find(({key}) => key === "total_ns").of;
      LOG.totals = Math.max(...total);
      TIMELINE.choose(null);
      LOG.back = MEASURES[0].total[0];
      LOG.hidden = byId("ranged").hidden;
      search("load"); LOG.matched = TIMELINE.matched.textContent;
    """)
    whole = log["whole"]
    assert whole == events.duration_ns == log["everything"] == log["back"]
    begin, end = log["range"]
    assert begin == pytest.approx(whole / 4, abs=whole / 300) and end == pytest.approx(whole / 2, abs=whole / 300)
    assert log["part"] == pytest.approx(end - begin, abs=2) and log["table"] == pytest.approx(log["part"])
    assert log["totals"] <= log["part"]
    assert "in steps of" in log["said"] and log["note"] == "in the chosen range" and log["hidden"]
    assert log["matched"].endswith("match") or log["matched"].endswith("matches")


def test_a_page_without_events_has_the_process_over_time(have: Have) -> None:
    have(None)
    data = data_of(page())
    assert data["stretches"] is None
    assert data["timeline"] is None or not data["timeline"]["tracks"]
