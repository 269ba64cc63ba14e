"""The Path page's server side: its routes, the file it saves, and the processes it has work done by."""
