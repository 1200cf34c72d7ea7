"""Which functions a graph calls, and whether Grappler rewrites them."""

import tensorflow as tf


def rewritten_calls(graph):
    """Returns whether each call of a function in the graph will have it rewritten, by the function's name."""
    found = {}
    for operation in graph.get_operations():
        if "PartitionedCall" in operation.type:
            config = tf.compat.v1.ConfigProto.FromString(operation.get_attr("config_proto"))
            found[operation.get_attr("f").name] = not config.graph_options.rewrite_options.disable_meta_optimizer
    return found
