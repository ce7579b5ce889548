"""How servers relay to each other by mail (spec/federation.md): the protocol's core, without I/O."""
