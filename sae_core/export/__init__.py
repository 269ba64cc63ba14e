"""A run to take along: weights, tables, pictures, a film, a report, the scalars for TensorBoard. No torch here.

    from sae_core.export import FORMATS, export
    export(Run.open("my-run").directory, "html", Path("my-run.html"))

Everything is made from the run's newest snapshot, or that of a kept step, and from its curves.
"""

from sae_core.export.formats import FORMATS, ExportError, Format, export

__all__ = ["FORMATS", "ExportError", "Format", "export"]
