"""What a worker shows and keeps of its run, and when: rows, pictures, snapshots, checkpoints, its status."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import TypeAlias

from sae_core.runs.rows import row_fields
from sae_core.runs.worker.archive import FIRST_FULL, Archive
from sae_core.runs.worker.budget import Budget
from sae_core.runs.worker.desk import Desk, Watch
from sae_core.runs.worker.pace import Pace
from sae_core.runs.worker.scene import Scene
from sae_core.runs.worker.screen import Screen
from sae_core.runs.worker.timing import Timing
from sae_core.snapshot import Row, Snapshot
from sae_core.train import Action, Checkpoint, Landmark, Message, Sketch, Want

__all__ = ["Actions", "Observer", "Progress"]

Actions: TypeAlias = Generator[Action, None, None]

Progress: TypeAlias = Callable[[Row, int | None], None]
"""Told each row as it is written, and how many steps the run will have (None: no end)."""


class Observer:
    """Its methods are generators of actions for the training stream, whose answers come into ``box``."""

    def __init__(
        self,
        scene: Scene,
        desk: Desk,
        archive: Archive,
        budget: Budget,
        *,
        timing: Timing,
        progress: Progress | None = None,
    ) -> None:
        self.scene, self.desk, self.archive, self.budget, self.timing = scene, desk, archive, budget, timing
        self.pace = Pace(timing, scene.transport.speed)
        self.watch = Watch(desk.run.path / "watch", timing.lease, timing.glance)
        self._looked = Watch(desk.run.path / "looked", timing.look_lease, timing.glance)
        self.screen = Screen(desk.run.path / "frame.bin")
        self.box: Message | None = None
        self._progress = progress
        self._census_of: tuple[int, int] | None = None
        self._glancing = False
        self._seen: tuple[int, int] | None = None
        now = time.perf_counter()
        self._next_row = self._next_status = self._next_look = now
        self._next_snapshot, self._next_checkpoint = now, now + timing.checkpoint_every

    def ask(self, action: Action) -> Generator[Action, None, Message | None]:
        """What the stream says to an action."""
        self.box = None
        yield action
        return self.box

    def attended(self, now: float) -> bool:
        """Whether someone watches it train; where nobody looks at anything of it, the budget is a smaller one."""
        watched, looked = self.watch.fresh(now), self._looked.fresh(now)
        self.budget.share = self.timing.budget if watched or looked else self.timing.budget_alone
        return watched

    def after_step(self, watched: bool) -> Actions:
        """Whatever is due after a step, within the budget."""
        now = time.perf_counter()
        if watched and self.pace.due(now) and not self.screen.busy:
            with self.budget.spending():
                yield from self.draw()
            self.pace.drew(now, time.perf_counter())
        if now >= self._next_row:
            with self.budget.spending():
                yield from self.row()
        if now >= self._next_status:
            self._next_status = now + self.timing.status_every
            with self.budget.spending():
                self.say()
                self.desk.events.reopen_if_replaced()
        if (full := self._keeps_full()) or (now >= self._next_checkpoint and self._may_write):
            with self.budget.spending():
                yield from self.checkpoint(full=full)
        else:
            yield from self._look_around()
        self.archive.check()

    def _look_around(self) -> Actions:
        """A slice of what it looks at; after a long step more, until its share of that step is spent.

        History may borrow: the first hundred steps come once.
        """
        before, most = self.budget.spent, self.budget.share * self.budget.step
        while (self.budget.affords and self.look_due) or (self.budget.lends and self._glance_due):
            with self.budget.spending():
                yield from self.look()
            if self.budget.spent - before >= most:
                break

    def _keeps_full(self) -> bool:
        step = self.scene.step
        return step >= FIRST_FULL and step & (step - 1) == 0

    @property
    def _may_write(self) -> bool:
        return self.budget.affords and not self.archive.busy

    @property
    def look_due(self) -> bool:
        """Whether there is something to `look` at."""
        return self._glance_due or self._census_of is not None or time.perf_counter() >= self._next_snapshot

    @property
    def _glance_due(self) -> bool:
        return self._glancing or self.archive.wants(self.scene.step)

    @property
    def behind(self) -> bool:
        """Whether the newest census is of another moment."""
        return self._seen != self.scene.moment

    def unattended(self, now: float) -> str:
        """Why a run begun on the page should pause, nobody having watched it for some time; empty if it should not."""
        alone, timing = self.watch.alone, self.timing
        if self.desk.run.meta.origin != "page" or alone < min(timing.unwatched_yield, timing.unwatched_pause):
            return ""
        if min(alone, self._looked.alone) >= timing.unwatched_pause:
            return "Nobody was watching any more, so it paused; press Play to go on."
        if now >= self._next_look:
            self._next_look = now + timing.glance
            if self.scene.slots.wanted():
                return "Nobody was watching and another run was waiting, so it paused; press Play to go on."
        return ""

    def row(self) -> Actions:
        """One point of every curve."""
        row = yield from self.ask(Want.ROW)
        if isinstance(row, Row):
            self.desk.add_row(row_fields(row))
            growing = self.timing.row_growth * self.budget.trained
            self._next_row = time.perf_counter() + min(max(self.timing.row_first, growing), self.timing.row_last)
            if self._progress is not None:
                self._progress(row, self.scene.total)

    def draw_if_stale(self) -> Actions:
        """A picture, where the last one shows something else."""
        if not self.screen.busy and self.screen.stale(self.scene.moment, self.watch.weights, self.scene.state):
            yield from self.draw()

    def draw(self) -> Actions:
        """One picture, on its way into frame.bin."""
        weights, scene = self.watch.weights, self.scene
        sketch = yield from self.ask(Want.SKETCH)
        if isinstance(sketch, Sketch):
            extra = {
                "state": scene.state,
                "steps_per_picture": self.pace.steps_per_picture,
                "speed": self.pace.speed,
                "learning_rate": scene.config.learning_rate,
                "weight_decay": scene.config.weight_decay,
                "rho": scene.config.rho,
                "target": scene.config.target,
            }
            self.screen.show(sketch, extra, scene.moment, weights)

    def look(self) -> Actions:
        """One slice of the glance that history/ wants of this moment, else of the census.

        Strokes are born within some hundred steps, in which the budget has room for one census, but for ten glances.
        """
        if not self._glance_due:
            yield from self.census()
            return
        self._glancing = True
        snapshot = yield from self.ask(Want.GLANCE)
        if isinstance(snapshot, Snapshot):
            self._glancing = False
            self.archive.keep_glance(snapshot)

    def census(self) -> Actions:
        """One slice; the snapshot is kept when it is complete."""
        if self._census_of is None:
            self._census_of = self.scene.moment
        snapshot = yield from self.ask(Want.CENSUS)
        if isinstance(snapshot, Snapshot):
            self._seen, self._census_of = self._census_of, None
            self._next_snapshot = time.perf_counter() + self.timing.snapshot_every
            self.archive.keep_snapshot(snapshot)

    def checkpoint(self, *, full: bool = False) -> Actions:
        """Everything to go on from."""
        checkpoint = yield from self.ask(Want.CHECKPOINT)
        if isinstance(checkpoint, Checkpoint):
            self._next_checkpoint = time.perf_counter() + self.timing.checkpoint_every
            self.archive.keep_checkpoint(checkpoint, self._known, full=full)

    def landmark(self) -> Actions:
        """A point of a path, kept for good."""
        landmark = yield from self.ask(Want.LANDMARK)
        if isinstance(landmark, Landmark):
            self.archive.keep_landmark(landmark, self._known, getattr(self.scene.config, self.scene.path_knob))
            self.scene.landmarks.discard(self.scene.step)
            self._seen = self.scene.moment

    @property
    def _known(self) -> int:
        """How much of applied.jsonl the weights of this moment contain."""
        return min((record.position for record in self.scene.pending), default=self.desk.log.size)

    def taken_back(self) -> None:
        """The stream has gone back to a checkpoint, and forgotten its census."""
        self._census_of, self._glancing = None, False
        self.archive.forget_after(self.scene.step)
        self.archive.saved = self.scene.step

    def say(self, queue: int = 0) -> None:
        """Write the status."""
        scene = self.scene
        self.desk.say(
            scene.state,
            scene.transport.reason,
            step=scene.step,
            images=scene.step * scene.config.batch_size,
            queue=queue,
            steps_per_picture=self.pace.steps_per_picture,
            speed=self.pace.speed,
        )
