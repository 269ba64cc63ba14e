"""The worker's loop: which action the training stream gets next.

`Conductor.actions` is what `sae_core.train.stream` consumes, one action at a time; when it goes on after a
``yield``, the step is done, or the message asked for has been received. Each turn applies what is due at this step,
looks at the controls, then trains one step, or rests.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from sae_core.config import ConfigError
from sae_core.runs.events import Applied, Event, check_set
from sae_core.runs.files import RunWriteError, write_sentence
from sae_core.runs.worker.archive import newest_checkpoint
from sae_core.runs.worker.observer import Actions, Observer
from sae_core.runs.worker.transport import coalesce, judge
from sae_core.train import Diverged, Message, Restore, Set, Step

__all__ = ["Conductor"]

_STEP = Step()


class Conductor:
    """One worker's run, from where it is taken up until it ends.

    Attributes:
        interrupted: set from outside (a signal) to end at the next step.
    """

    def __init__(self, observer: Observer, note: str = "") -> None:
        self._observer = observer
        self._scene, self._transport = observer.scene, observer.scene.transport
        self._desk, self._archive, self._timing = observer.desk, observer.archive, observer.timing
        self._watch, self._pace = observer.watch, observer.pace
        self._pending = observer.scene.pending
        self._note = note
        self._next_try = 0.0
        self._troubled = False
        self.interrupted = False

    def receive(self, message: Message) -> None:
        """Take what the stream says."""
        self._observer.box = message

    def actions(self) -> Actions:
        """Every action of the run."""
        yield from self._guarded(self._begin())
        while self._transport.over is None:
            yield from self._guarded(self._turn())
        yield from self._end()

    def close(self) -> None:
        """Let go of the files and the slot; what is being written is finished first."""
        self._scene.slots.release()
        self._archive.close()
        self._observer.screen.close()

    def _guarded(self, part: Actions) -> Actions:
        """What cannot be written pauses the run: nothing in memory is lost, and nothing is tried again until Play."""
        try:
            yield from part
        except OSError as error:
            self._troubled = True
            sentence = self._sentence(error)
            self._transport.pause(f"{sentence} It waits at step {self._scene.step}: make room, then press Play.")
            self._scene.slots.release()
            with suppress(OSError):
                self._desk.record(self._desk.own("pause", self._scene.step, reason=sentence))
            with suppress(OSError):
                self._observer.say()

    def _sentence(self, error: OSError) -> str:
        return str(error) if isinstance(error, RunWriteError) else write_sentence(error, self._desk.run.path)

    def _begin(self) -> Actions:
        scene, fresh = self._scene, self._archive.saved is None
        self._transport.reason = self._transport.reason or self._note
        self._desk.record(self._desk.own("resume", scene.step, reason=self._note))
        if fresh:
            yield from self._observer.checkpoint()
        yield from self._observer.row()
        if not self._transport.playing:
            self._observer.say()

    def _turn(self) -> Actions:
        if self._scene.step in self._scene.landmarks and not self._troubled:
            yield from self._observer.landmark()  # before the knob moves on
        yield from self._controls()
        if self._transport.over is not None:
            return
        if self._scene.complete and not self._troubled:
            yield from self._finish()
        elif self._scene.may_train:
            yield from self._go_on()
        elif self._transport.playing:
            yield from self._queue()
        else:
            yield from self._rest()

    # -- training and not training

    def _go_on(self) -> Actions:
        """Train one step, or wait for its time, and show what is due."""
        now = time.perf_counter()
        watched = self._observer.attended(now)
        if not watched:
            self._pace.leave()
        elif self._pace.paced:
            if (left := self._pace.time_left(now)) > 0.0:
                yield from self._wait(left)
                return
            self._pace.begin(now)
        yield from self._train_one()
        if self._transport.playing:
            yield from self._observer.after_step(watched)
        if self._transport.playing and (reason := self._observer.unattended(now)):
            yield from self._pause(reason)

    def _wait(self, left: float) -> Actions:
        """A paced run has time: for a slice of what it looks at, or a nap."""
        if left > 0.015 and self._observer.look_due:
            yield from self._observer.look()
        else:
            time.sleep(min(left, self._timing.nap))

    def _train_one(self) -> Actions:
        began = time.perf_counter()
        problem = yield from self._observer.ask(_STEP)
        if isinstance(problem, Diverged):
            yield from self._take_back(problem)
            return
        self._observer.budget.train(time.perf_counter() - began)
        self._scene.step += 1
        self._pace.stepped()
        if self._transport.until is not None and self._scene.step >= self._transport.until:
            yield from self._pause("")

    def _queue(self) -> Actions:
        """Wait for a slot, visibly."""
        now = time.perf_counter()
        if now >= self._next_try:
            self._claim_slot()
            if self._scene.slots.held:
                return
        if self._watch.fresh(now):
            yield from self._observer.draw_if_stale()
        time.sleep(self._timing.nap)

    def _claim_slot(self) -> None:
        """Take a slot, or say which place in the queue the run has."""
        self._next_try = time.perf_counter() + self._timing.queue_nap
        self._observer.say(queue=self._scene.slots.acquire())

    def _rest(self) -> Actions:
        """Paused: show what changed, complete the census, leave when nobody watches."""
        watched = self._watch.fresh(time.perf_counter())
        if watched:
            yield from self._observer.draw_if_stale()
        if not self._troubled:
            self._archive.check()
            if self._observer.behind:
                yield from self._observer.census()
                return
        if self._watch.alone >= self._timing.unwatched_exit:
            self._transport.over = "paused"
        time.sleep(self._timing.nap)

    # -- controls

    def _controls(self) -> Actions:
        """Apply again what was applied at this step before; then take what was asked since."""
        while self._pending and self._pending[0].step <= self._scene.step:
            yield from self._set(self._pending.popleft())
        if self.interrupted:
            if self._transport.playing:
                yield from self._pause(f"Interrupted at step {self._scene.step}.")
            self._transport.over = "paused"
        elif events := self._desk.events.poll():
            yield from self._take(events)

    def _take(self, events: list[Event]) -> Actions:
        """Write down what takes effect here, then let it."""
        records = self._write_down(events)
        sets = [record for record in records if record.kind == "set"]
        for record in sets:
            yield from self._set(record)
        was_playing = self._transport.playing
        for record in records:
            self._obey(record)
        if was_playing and not self._transport.playing:
            yield from self._settle()
        if self._transport.playing and not self._scene.may_train:
            self._claim_slot()
        if not self._transport.playing and any(event.kind == "pause" and event.by == "server" for event in events):
            self._transport.over = "paused"  # the page it was begun on has gone
        self._observer.say(queue=self._desk.status.queue if self._scene.state == "queued" else 0)
        if sets:
            yield from self._observer.row()

    def _write_down(self, events: list[Event]) -> list[Applied]:
        """What becomes of each control, once it is on file; after an error the events are there still."""
        config, records = self._scene.config, []
        for event in coalesce(events):
            record, config = judge(event, config, self._scene.step)
            records.append(record)
        records[-1] = replace(records[-1], offset=self._desk.events.offset)
        steered = self._pending and any(record.kind == "set" for record in records)
        if steered:  # before it had caught up: what lay ahead never happens
            reason = "Steered before it had caught up."
            records.insert(
                0, replace(self._desk.own("restore", self._scene.step, reason=reason), offset=events[0].offset)
            )
        try:
            self._desk.record(*records)
        except OSError:
            self._desk.events.offset = events[0].offset
            if any(event.kind == "stop" for event in events):
                self._transport.over = "stopped"
            raise
        if steered:
            self._pending.clear()
        return records

    def _obey(self, record: Applied) -> None:
        self._transport.obey(record, self._scene.epoch_steps)
        if record.kind in {"play", "step", "epoch"} and self._troubled:
            self._troubled = False
            self._archive.try_again()
        if record.kind in {"play", "speed"} and record.value is not None:
            self._pace.set(self._transport.speed)
            if self._transport.speed == "ramp":  # who asks for it wants to see it
                self._watch.grant(time.perf_counter())

    def _set(self, record: Applied) -> Actions:
        with suppress(ConfigError):
            self._scene.config = check_set(self._scene.config, record.name, record.value)
            self._scene.changes += 1
            yield Set(str(record.name), getattr(self._scene.config, str(record.name)))

    # -- pausing and ending

    def _pause(self, reason: str) -> Actions:
        """Of the worker's own accord."""
        self._transport.pause(reason)
        self._desk.record(self._desk.own("pause", self._scene.step, reason=reason))
        yield from self._settle()

    def _settle(self) -> Actions:
        """Say at once that it is paused, give the slot back, then keep what there is."""
        self._scene.slots.release()
        self._observer.say()
        if self._transport.over is None:
            yield from self._observer.row()
            if self._archive.saved != self._scene.step:
                yield from self._observer.checkpoint()

    def _take_back(self, diverged: Diverged) -> Actions:
        """Go back to the last checkpoint; what was applied after it never happened."""
        self._archive.flush()
        checkpoint, note = newest_checkpoint(self._desk.run.path)
        if checkpoint is None:
            raise RunWriteError(f"{diverged.sentence} There is no checkpoint to go back to. {note}".rstrip())
        reason = f"{diverged.sentence} It is back at step {checkpoint.step}."
        holds = checkpoint.extra.get("applied")
        self._desk.record(self._desk.own("restore", checkpoint.step, reason=reason, holds=holds))
        self._desk.attempt += 1
        self._pending.clear()
        yield Restore(checkpoint)
        self._scene.step, self._scene.config = checkpoint.step, checkpoint.config
        self._scene.changes += 1
        self._observer.taken_back()
        yield from self._pause(reason)

    def _finish(self) -> Actions:
        """A finite run's end: everything is of its last step."""
        self._desk.record(self._desk.own("finish", self._scene.step))
        yield from self._observer.row()
        while self._observer.behind and not self.interrupted:
            yield from self._observer.census()
        self._transport.pause("")
        self._transport.over = "finished"

    def _end(self) -> Actions:
        """Everything safe, then the last word; the run's lock is let go after it."""
        self._scene.slots.release()
        try:
            if self._archive.saved != self._scene.step:
                yield from self._observer.checkpoint()
            self._archive.flush()
            if self._watch.fresh(time.perf_counter()):
                yield from self._observer.draw()
        except OSError as error:
            self._transport.over = "paused"
            self._transport.reason = f"{self._sentence(error)} Resume goes on from the last good checkpoint."
        with suppress(OSError):
            self._observer.say()
