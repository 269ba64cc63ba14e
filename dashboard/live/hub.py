"""Everything the sockets share: the feeds, the launcher, and what steering does to a run directory.

Nothing here trains or waits in the event loop: whatever touches a lock, a process or many bytes goes to a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.controls import page_threads
from dashboard.live.client import Client, Wire
from dashboard.live.feed import Feed, FirstFeed
from dashboard.live.first_screen import first_screen
from dashboard.live.guard import Guard
from dashboard.live.messages import Control, Message, Reset, Set, Speed, Start, Watch, Weights
from dashboard.live.run_feed import RunFeed
from sae_core.config import Config, ConfigError
from sae_core.data import DataError, absolute, check_dataset, check_own, is_own
from sae_core.lens.client import Lens
from sae_core.runs.folder import Runs

if TYPE_CHECKING:
    from sae_core.runs.directory import RunDirectory
    from sae_core.runs.launch import Launcher

__all__ = ["Hub", "current", "page_config", "use"]

WAKING = frozenset({"play", "resume", "step", "epoch"})
"""Controls that start a worker where a run has none."""


class Hub:
    """One a server: who watches what, and what was started from here."""

    def __init__(self, root: Path, guard: Guard, launcher: Launcher | None) -> None:
        self.runs = Runs(root)
        self.guard = guard
        self.launcher = launcher
        self.lens = Lens(root)
        self.wire = Wire()
        self.clients: set[Client] = set()
        self.first = FirstFeed(first_screen())
        self.ours: set[str] = set()
        """Runs begun on a page and shown or woken by this server: they pause when it ends."""
        self.launching: set[str] = set()
        self.paused: set[str] = set()
        """Runs that `pause_all` paused."""
        self._feeds: dict[str, RunFeed] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._starters = ThreadPoolExecutor(4, "start")  # threads of their own: a cold start takes seconds

    async def do(self, client: Client, message: Message) -> None:
        """Act on what a page said.

        Raises:
            ValueError, OSError: it cannot be done, in one sentence.
        """
        match message:
            case Watch(run=None):
                client.watch(self.first, message.weights)
            case Watch(run=str(run)):
                await self._watch(client, run, message.weights)
            case Reset():
                await self._reset(client, message)
            case Start():
                await self._start(client, message)
            case Control():
                await self._control(client, message)
            case Speed():
                await self._append(message.run, "speed", value=message.value)
            case Set():
                await self._set(message)

    # ── watching ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch(self, client: Client, run: str, weights: Weights) -> None:
        try:
            client.watch(await self._feed(run), weights)
        except (ValueError, OSError):
            client.watch(self.first, weights)
            raise

    async def _feed(self, run_id: str) -> Feed:
        if run_id not in self._feeds:
            run = await asyncio.to_thread(self.runs.open, run_id)
            self._feeds.setdefault(run_id, RunFeed(run, self._empty))
            if run.meta.origin == "page":
                self.ours.add(run_id)
        return self._feeds[run_id]

    async def _run(self, run_id: str) -> RunDirectory:
        """The run, opened once for as long as it is watched: a dragged dial asks sixty times a second."""
        feed = self._feeds.get(run_id)
        return feed.run if feed else await asyncio.to_thread(self.runs.open, run_id)

    def _empty(self, feed: RunFeed) -> None:
        """The last watcher left."""
        if self._feeds.get(feed.run.id) is feed:
            del self._feeds[feed.run.id]
        self._keep(feed.close())

    # ── steering ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self, client: Client, message: Start, parent: RunDirectory | None = None) -> str:
        """Create, show, launch: in this order, so that the first steps are seen."""
        config = page_config(message.config, dial_off=message.dial_off)
        run = await asyncio.to_thread(self._create, config, message, parent)
        client.watch(await self._feed(run.id))
        self._launch(client, run, after=parent.id if parent else None)
        return run.id

    def _launch(self, client: Client, run: RunDirectory, after: str | None = None) -> None:
        """Give the run a worker, without waiting for it: what is pressed meanwhile is an event it will find."""
        self.ours.add(run.id)
        if self.launcher is not None and run.id not in self.launching:
            self.launching.add(run.id)
            self._keep(self._launch_now(self.launcher, client, run, after))

    async def _launch_now(self, launcher: Launcher, client: Client, run: RunDirectory, after: str | None) -> None:
        try:
            if not await asyncio.to_thread(run.alive):
                await asyncio.to_thread(run.renew_watch)
                start = partial(launcher.start, run.id, after=after)
                await asyncio.get_running_loop().run_in_executor(self._starters, start)
        except (ValueError, OSError) as error:
            client.say({"t": "error", "message": str(error)})
        finally:
            self.launching.discard(run.id)

    def _keep(self, doing: Coroutine[Any, Any, None]) -> None:
        """Have it done in its own time."""
        task = asyncio.ensure_future(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _create(self, config: Config, message: Start, parent: RunDirectory | None) -> RunDirectory:
        step = parent.status().step if parent else None
        parent_id = parent.id if parent else None
        run = self.runs.create(config, name=message.name, parent=parent_id, parent_step=step, origin="page")
        run.renew_watch()
        if message.play:
            run.append_event("play", speed=message.speed, by="page")
        else:
            run.append_event("speed", value=message.speed, by="page")
            run.append_event("pause", by="page")
            if message.then:
                run.append_event(message.then, by="page")
        return run

    async def _reset(self, client: Client, message: Reset) -> None:
        old = await self._run(message.run) if message.run else None
        if old is not None:
            await asyncio.to_thread(_stop, old)
        new = await self._start(client, message, old)
        if old is not None and (left := self._feeds.get(old.id)):
            left.say({"t": "moved", "run": new})
        await asyncio.to_thread(self._prune)

    def _prune(self) -> None:
        with suppress(OSError, ValueError):
            self.runs.prune()

    async def _control(self, client: Client, message: Control) -> None:
        run = await self._run(message.run)
        await asyncio.to_thread(run.append_event, "play" if message.do == "resume" else message.do, by="page")
        if message.do in WAKING:
            self._launch(client, run)

    async def _set(self, message: Set) -> None:
        knob = Config.knobs().get(message.name)
        value = message.value
        if knob is not None and knob.integer and value is not None and value.is_integer():
            value = int(value)
        await self._append(message.run, "set", name=message.name, value=value, drag=message.drag)

    async def _append(self, run_id: str, kind: str, **fields: Any) -> None:
        run = await self._run(run_id)
        await asyncio.to_thread(run.append_event, kind, by="page", **fields)

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────

    def pause_all(self) -> None:
        """Pause what is ours and still runs; a crash leaves it running, a Ctrl-C does not."""
        while self.ours:
            run_id = self.ours.pop()
            with suppress(OSError, ValueError):
                run = self.runs.open(run_id)
                if run_id in self.launching or run.alive():
                    run.append_event("pause", by="server")
                    self.paused.add(run_id)

    async def close(self) -> None:
        """Stop reading."""
        for feed in list(self._feeds.values()):
            await feed.close()
        self.lens.close()


def page_config(values: dict[str, Any], *, dial_off: bool = False, cores: int | None = None) -> Config:
    """The config of a run begun on the page: no end, and one core left to the page that watches it.

    Raises:
        ConfigError: a knob is unknown, out of range, or does not go with the others.
    """
    for name in values:
        if name not in Config.model_fields:
            raise ConfigError(f"There is no knob {name!r}; there are {', '.join(Config.model_fields)}.")
    values = {**values, "dataset": _dataset(values.get("dataset", "mnist"))}
    config = Config(**{**values, "threads": values.get("threads") or page_threads(cores)})
    if dial_off and config.dial in {"penalty_weight", "beta"}:
        config = config.with_changes(**{str(config.dial): 0.0})
    if dial_off and config.dial == "k":
        config = config.with_changes(k=config.n_latents)
    if dial_off and config.dial == "lifetime":
        config = config.with_changes(lifetime=1.0)
    return config


def _dataset(name: object) -> str:
    """A data set's name, or the whole path of one's own, which has to be on this machine."""
    try:
        check_dataset(str(name))
        if is_own(str(name)):
            check_own(str(name), network=False)
    except DataError as error:
        raise ConfigError(str(error)) from None
    return absolute(str(name))


def _stop(run: RunDirectory) -> None:
    if run.alive():
        run.append_event("stop", by="page")


_current: Hub | None = None


def use(hub: Hub) -> None:
    """Make ``hub`` the one the pages of this process belong to."""
    global _current
    _current = hub


def current() -> Hub | None:
    """The server's hub; None where a page runs without a server, as in a test."""
    return _current
