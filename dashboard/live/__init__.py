"""What is pushed: one feed per watched run, its sockets, and who may steer through them."""
