"""What one browser tab has chosen, kept across reruns; the URL and the sidebar are two views of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.controls import (
    DIALS,
    LIVE,
    OWN_DATA,
    SIDEBAR,
    View,
    differing,
    knobs_from_url,
    knobs_to_url,
    page_threads,
    pending_config,
)
from sae_core.config import Config, ConfigError
from sae_core.runs.directory import RunDirectory
from sae_core.runs.folder import Runs
from sae_core.sparsity import METHODS

__all__ = ["Session"]


@dataclass
class Session:
    """One tab. ``values`` holds the sidebar's knobs, and the dials a link has set."""

    runs: Runs
    view: View = field(default_factory=View)
    values: dict[str, Any] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    """What has to be said, once."""
    run: RunDirectory | None = None
    running: Config | None = None
    """The watched run's config, its applied changes included."""
    url: dict[str, str] | None = None
    page: str | None = None
    """Where the tab is: going elsewhere empties the address, and nothing is forgotten by it."""
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each page but Train keeps in its address, by page."""
    told: bool = False
    """The browser has just said what it looks at; its address may be older than that, since we write it after each run
    of the page, and the next telling may set out before it has arrived."""

    def __post_init__(self) -> None:
        self.values = _values_of(Config())

    def follow_url(self, params: Mapping[str, str]) -> None:
        """Take over what the address says, where somebody other than us has changed it."""
        if self._arrives("train", params):
            return
        self.view, about_view = View.from_url(params, self.runs.open)
        knobs, about_knobs = knobs_from_url(params)
        self._open(self.view.run)
        if knobs.get("method", self.values["method"]) != self.values["method"]:
            self.choose("method", knobs["method"])
        self.values |= knobs
        self.sentences += about_view + about_knobs
        self.url = dict(params)

    def to_url(self) -> dict[str, str]:
        """The address that brings all this back."""
        base = self.running or _defaults(self.values["method"])
        knobs = knobs_to_url(self.values, base)
        if self.running is None and self.values["method"] != Config().method:
            knobs["method"] = self.values["method"]
        self.url = {**self.view.to_url(), **knobs}
        return self.url

    def follow_page(self, page: str, params: Mapping[str, str], own: Mapping[str, Callable[[str], Any]]) -> None:
        """`follow_url` for the other pages: the run, lecture mode, and the page's ``own`` parameters.

        Each of these is read by its function, which raises ValueError with a sentence for nonsense; what the address
        does not name is left out of ``self.own[page]``. Knobs and whatever else the Train page keeps stay as they are.
        """
        mine = self.own.setdefault(page, {})
        if self._arrives(page, params):
            return
        found, about = View.from_url({name: params[name] for name in ("run", "lecture") if name in params}, self._find)
        self.look(run=found.run, lecture=found.lecture)
        mine.clear()
        for name in own.keys() & params.keys():
            try:
                mine[name] = own[name](params[name])
            except ValueError as error:
                about.append(str(error))
        self.sentences += about
        self.url = dict(params)

    def page_to_url(self, page: str) -> dict[str, str]:
        """The address that brings this page back."""
        view = View(run=self.view.run, lecture=self.view.lecture).to_url()
        mine = {name: _in_url(value) for name, value in self.own[page].items() if value is not None}
        self.url = {**view, **mine}
        return self.url

    def _arrives(self, page: str, params: Mapping[str, str]) -> bool:
        """Whether this address says nothing new: it is ours, or late, or empty because another page was gone to."""
        moved = self.page not in {None, page}
        self.page = page
        told, self.told = self.told, False
        return told or dict(params) == self.url or (moved and not params)

    def _find(self, run_id: str) -> RunDirectory:
        return self.runs.open(run_id)

    def look(self, **changes: Any) -> None:
        """Look at something else; another run brings its knobs along."""
        before = self.view.run
        self.view = replace(self.view, **changes)
        if self.view.run != before:
            self._open(self.view.run)

    def choose(self, name: str, value: Any) -> None:
        """Set a knob; with another method come its defaults, wherever nobody had chosen otherwise."""
        if name == "method":
            old, new = _defaults(self.values["method"]), _defaults(value)
            for other in SIDEBAR:
                if other != "method" and self.values[other] == getattr(old, other):
                    self.values[other] = getattr(new, other)
            for dial in DIALS:
                self.values.pop(dial, None)
        self.values[name] = value

    def steer(self, name: str, value: float) -> None:
        """Set a knob that acts on the running model."""
        self.choose(name, value)
        if self.run is None:
            return
        try:
            self.run.append_event("set", name=name, value=value, by="page")
            self.running = self.run.config if self.running is None else self.running.with_changes(**{name: value})
        except (ValueError, OSError) as error:
            self.sentences.append(str(error))

    def refresh(self) -> None:
        """Notice what others have changed in the watched run."""
        if self.run is None or self.running is None:
            return
        try:
            now = self.run.current_config()
        except (ValueError, OSError):
            return
        for name in LIVE:
            if self.values[name] == getattr(self.running, name):
                self.values[name] = getattr(now, name)
        self.running = now

    def pending(self) -> dict[str, Any]:
        """The knobs of the next run. What acts on the running model is left to the method where that changes."""
        values = {name: value for name, value in self.values.items() if value is not None}
        if self.running is not None and self.running.method != values["method"]:
            values = {name: value for name, value in values.items() if name not in LIVE}
        return values

    def pending_trouble(self) -> str | None:
        """Why these knobs cannot go together, if they cannot."""
        if self.values["dataset"] == OWN_DATA:
            return "Say below where your own data is."
        try:
            pending_config(self.pending())
        except ConfigError as error:
            return str(error)
        return None

    def differing(self) -> list[str]:
        """Knobs that the running model does not have yet."""
        return differing(self.values, self.running) if self.running is not None else []

    def _open(self, run_id: str | None) -> None:
        """Look at another run, which brings its knobs along; none leaves the defaults."""
        if self.run is not None and run_id is None:
            self.values = _values_of(Config())
        self.run = self.running = None
        if run_id is None:
            return
        try:
            self.run = self.runs.open(run_id)
            self.running = self.run.current_config()
        except (ValueError, OSError) as error:
            self.sentences.append(str(error))
            self.view = replace(self.view, run=None)
            return
        self.values = _values_of(self.running)


def _in_url(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)


def _defaults(method: str) -> Config:
    return Config(method=method if method in METHODS else "l1")


def _values_of(config: Config) -> dict[str, Any]:
    """The sidebar's knobs; threads that any page on this machine would choose count as not chosen."""
    values = {name: getattr(config, name) for name in SIDEBAR}
    return {**values, "threads": None} if config.threads == page_threads() else values
