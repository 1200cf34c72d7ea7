"""Which functions a graph calls, and whether Grappler rewrites them."""

import tensorflow as tf


def rewritten_calls(graph):
    """Returns, by function name, whether each call of a function in the graph leads to its rewriting."""
    found = {}
    for operation in graph.get_operations():
        if "PartitionedCall" in operation.type:
            config = tf.compat.v1.ConfigProto.FromString(operation.get_attr("config_proto"))
            found[operation.get_attr("f").name] = not config.graph_options.rewrite_options.disable_meta_optimizer
    return found
