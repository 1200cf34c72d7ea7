"""The network searched over: every edge holds all candidate operations and runs the sampled one."""
