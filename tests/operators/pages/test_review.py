"""The review page in a browser: worst first, in sync, at any speed, and what is clicked is what is saved."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from operators.pages.candidates import Candidates
from operators.pages.review import write_review
from schemas.arrow import to_table
from schemas.certificate import Gate, Step
from schemas.clip import CandidateClip, ClipRef, FailedClip, QuarantinedClip
from schemas.decision import Decision, read_decisions
from schemas.policy import Reviewers
from tests.browser import Page, open_browser
from tests.cluster.toy import GATE, released
from tests.operators.clips import SOMEBODY, evidence
from tests.operators.pages.shown import reference, save, video

REFUSED = Gate("background", "luma PSNR outside the mask, dB", 20.0, 26.0, "at least")
COPY = Gate.at_most("copy", 0.4, 0.1)
CANDIDATE = video(200)
SHA = hashlib.sha256(CANDIDATE).hexdigest()
TRIED = Step("other seed", "audit: gate failed: <b>background</b>", "R. <b>V</b>")


def near(score: float) -> Gate:
    return Gate("background", "luma PSNR outside the mask, dB", score, 26.0, "at least")


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    """A folder for pages about clips 0 and 1, released with a far and a near gate, 2 to 4, held, and 5, failed."""
    folder = tmp_path_factory.mktemp("review")
    refs = [reference(number, source) for number in range(6)]
    far, close = (
        released(ref, video(40 * index), video(128), scores={"background": score})
        for index, (ref, score) in enumerate(zip(refs[:2], (50.0, 26.5), strict=True))
    )
    waivable, copied = [GATE, near(26.1), REFUSED], [GATE, COPY]
    rows = [
        far,
        close,
        QuarantinedClip(refs[2], "audit", "gate failed: background", waivable, [TRIED], {}, SHA),
        QuarantinedClip(refs[3], "audit", "gate failed: copy", copied, [], {}, "7" * 64),
        QuarantinedClip(refs[4], "condition", "RuntimeError at a.py:1", [], [], {}),
        FailedClip(refs[5], "decode", "2 of 30 frames cannot be decoded <b>", "Repair it", {}),
    ]
    save(folder / "out", rows)
    (folder / "plan/clips").mkdir(parents=True)
    pq.write_table(to_table(refs, ClipRef), folder / "plan/clips/0.parquet")
    for ref in refs[2:4]:
        shown = evidence(conditioning_video=video(128), people=[SOMEBODY])
        candidate = CandidateClip(
            ref, shown, CANDIDATE, regenerated=1, tracks=1, diffusion_calls=1, seed_commitment=""
        )
        Candidates(f"{folder}/pages").write(candidate)
    return folder


def write(review: Path, clips: int = 40, may_waive: tuple[str, ...] = ("background",)) -> str:
    reviewers = Reviewers(groups=["privacy <b>team</b>"], may_waive=list(may_waive))
    address = write_review(f"{review}/plan", f"{review}/out", f"{review}/pages", reviewers, clips)
    return Path(address).absolute().as_uri()


def key(number: int) -> str:
    return reference(number, Path("x")).key


def choose(page: Page, clip: str, value: str, reason: str) -> None:
    """Click a decision and type why."""
    page.evaluate(f"document.querySelector('[data-key=\"{clip}\"] .choice [value={value}]').click()")
    type_into(page, f'[data-key="{clip}"] .reason', reason)
    page.evaluate("document.activeElement.blur()")


def type_into(page: Page, where: str, text: str) -> None:
    page.evaluate(f"document.querySelector({json.dumps(where)}).focus()")
    page.call("Input.insertText", text=text)


def press(page: Page, letter: str) -> None:
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=letter, text=letter if kind == "keyDown" else "")


def saved(page: Page, folder: Path) -> list[Decision]:
    """Click "Save decisions" and read what was downloaded."""
    name = "decisions.json"
    return read_decisions(name, page.saved(folder / name))


SYNC = """
(async () => {
  const videos = [...document.querySelector("article").querySelectorAll("video")], found = [];
  for (let i = 0; i < 40; i++) {
    await new Promise(done => setTimeout(done, 40));
    if (!videos.some(video => video.seeking)) found.push(videos.map(video => video.currentTime));
  }
  return found;
})()
"""


def test_worst_first_in_sync_and_at_any_speed(review: Path, tmp_path: Path) -> None:
    address = write(review)
    with open_browser() as page:
        page.show(address, 1400, 1000)
        order = page.evaluate("[...document.querySelectorAll('article')].map(clip => clip.dataset.key)")
        assert order == [key(number) for number in (4, 3, 2, 1, 0)]
        for _ in range(2):  # from the clip without a candidate to that with one
            press(page, "j")
        assert page.evaluate("document.querySelector('.current').dataset.key") == key(2)
        videos = f"[...document.querySelectorAll('[data-key=\"{key(2)}\"] video')]"
        assert page.evaluate(f"{videos}.map(video => video.ariaLabel)") == [
            "Original",
            "Candidate: what was refused",
            "Conditioning: what the generator is given",
        ]
        page.wait(f"{videos}.every(video => video.currentTime > .2)")
        press(page, "[")
        press(page, "[")
        page.wait(f"Math.abs({videos}.at(-1).playbackRate - .25) < .001")
        page.wait(f"{videos}.every(video => video.playbackRate < .31)")
        page.evaluate("document.querySelector('[name=speed][value=\"2\"]').click()")
        page.wait(f"{videos}.at(-1).playbackRate === 2")
        moments = np.array(page.evaluate(SYNC.replace('"article"', f"'[data-key=\"{key(2)}\"]'")))
        assert len(np.unique(moments[:, 1])) > 5, "the candidate does not move"
        away = np.abs(moments - moments[:, -1:])
        assert np.median(np.minimum(away, 3 - away)) < 0.1  # a frame
        press(page, " ")
        page.wait(f"{videos}.every(video => video.paused && !video.seeking)")
        before = page.evaluate(f"{videos}.map(video => video.currentTime)")
        press(page, ".")
        page.wait(f"{videos}.every(video => !video.seeking)")
        after = page.evaluate(f"{videos}.map(video => video.currentTime)")
        assert after == pytest.approx([before[-1] + 0.1] * 3, abs=0.02)
        page.screenshot(tmp_path / "review.png")
        assert page.problems == []
        assert [url for url in page.requests if not url.startswith(("data:", "blob:"))] == [address]


def test_what_is_decided_is_what_is_saved(review: Path, tmp_path: Path) -> None:
    address = write(review)
    with open_browser() as page:
        page.show(address, 1400, 1000)
        blocked = "document.getElementById('save').disabled"
        assert page.evaluate(blocked)
        choose(page, key(2), "accept", "a statue")
        choose(page, key(1), "blackout", ' a "face"\\ ')
        click = "dispatchEvent(new PointerEvent('pointerdown'))"
        page.evaluate(f"document.querySelector('[data-key=\"{key(3)}\"]').{click}")
        press(page, "a")  # copy may not be waived
        press(page, "r")
        assert page.evaluate(blocked)
        state = page.evaluate("document.getElementById('state').textContent")
        assert state == "3 of 5 decided, 1 without a reason, by whom?"
        type_into(page, f'[data-key="{key(3)}"] .reason', "hand in frame 3")
        assert page.evaluate(blocked)
        type_into(page, "#by", "R. Viewer")
        assert saved(page, tmp_path) == [
            Decision(
                key=key(3), decision="redo", reason="hand in frame 3", by="R. Viewer", output_sha256="7" * 64
            ),
            Decision(key=key(2), decision="accept", reason="a statue", by="R. Viewer", output_sha256=SHA),
            Decision(
                key=key(1),
                decision="blackout",
                reason='a "face"\\',
                by="R. Viewer",
                output_sha256=hashlib.sha256(video(40)).hexdigest(),
            ),
        ]
        assert page.problems == []


def test_only_what_the_policy_lets_be_waived_can_be_accepted(review: Path) -> None:
    disabled = (
        "[...document.querySelectorAll('article')].map(clip => clip.querySelector('[value=accept]').disabled)"
    )
    with open_browser() as page:
        page.show(write(review), 1400, 1000)
        assert page.evaluate(disabled) == [True, True, False, False, False]
        page.show(write(review, may_waive=()), 1400, 1000)
        assert page.evaluate(disabled) == [True, True, True, False, False]


def test_a_candidate_that_is_not_the_one_refused_is_not_shown(review: Path) -> None:
    page = Path(write(review).removeprefix("file://")).read_text()
    assert page.count('aria-label="Candidate: what was refused"') == 1  # clip 3's file has another digest
    assert page.count('aria-label="Original"') == 5
    assert page.count('aria-label="Result: what is released"') == 2


def test_what_is_left_out_is_counted(review: Path) -> None:
    page = Path(write(review, clips=2).removeprefix("file://")).read_text()
    assert page.count("<article") == 2
    assert "2 of 3 quarantined and 0 of 2 released" in page


def test_nothing_in_it_is_markup_that_somebody_wrote(review: Path) -> None:
    page = Path(write(review).removeprefix("file://")).read_text()
    assert "<b>" not in page
    assert "privacy &lt;b&gt;team&lt;/b&gt;" in page
    assert "R. &lt;b&gt;V&lt;/b&gt;" in page
