"""The lens: one helper process per server that answers questions about runs' models; the server needs no torch.

    lens = Lens(root)                                     # sae_core.lens.client; torch-free, safe from any thread
    lens.warm()                                           # start the helper now: importing torch takes seconds
    seen = lens.encode("my-run", x)                       # x (n, n_pixels) in [0, 1] → Encoding(codes, x_hat, …)
    census = lens.census("my-run", step=1024)             # every latent over the test set → LatentCensus
    answer = lens.ask("encode", "my-run", arrays={"x": x})  # any question by name → Answer(arrays, values)
    lens.close()

``step`` is a step of which the run keeps a snapshot (`RunDirectory.history`); None, the default, is the newest
snapshot there is. Answers are numpy (`answers`), cached by question, run and snapshot file; what two tabs ask at the
same time is asked once. A call blocks until it is answered (in asyncio: ``await asyncio.to_thread(lens.census, …)``)
and raises `LensError`, one sentence, where it cannot be. A helper that dies is started again at the next question.

The pages of the dashboard share one: ``dashboard.views.frame.lens()``, in routes ``hub.lens``.

Questions (`questions.QUESTIONS`) run in the helper, each on the thread it names: *quick* ones (encode) never wait for
the *census*, and neither waits for *slow* ones (life, map, match). To add one: a function ``(shelf, asked) -> Answer``
in a module of this package, and a line in ``QUESTIONS``; `shelf.Shelf` hands it the snapshot, the model and the data
set, kept in memory. `answers`, `latents` and `stories` need no torch and may be imported anywhere.

Over the pipes goes a line of JSON, then as many bytes of safetensors as it says (`pipes`); never a pickle. The
helper ends when its stdin does, so it never outlives the server.
"""
