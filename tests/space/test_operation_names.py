import subprocess
import sys

from eoinas_tf.space import operation_names

LIGHT_MODULES = ("operation_names", "cell_topology", "genotype", "published_genotypes")


def test_names_are_those_of_darts_in_the_order_of_the_design():
    assert operation_names.OPERATION_NAMES == (
        "none",
        "skip_connect",
        "sep_conv_3x3",
        "dil_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_5x5",
        "avg_pool_3x3",
        "max_pool_3x3",
    )
    assert operation_names.NONE in operation_names.OPERATION_NAMES
    assert operation_names.SKIP_CONNECT in operation_names.OPERATION_NAMES


def test_what_only_final_networks_use_is_not_in_the_search_space():
    assert operation_names.FINAL_NETWORK_OPERATION_NAMES == ("sep_conv_7x7", "conv_7x1_1x7")
    assert not set(operation_names.FINAL_NETWORK_OPERATION_NAMES) & set(operation_names.OPERATION_NAMES)


def test_names_topology_and_genotypes_load_no_tensorflow():
    program = (
        "import sys\n"
        + "".join(f"import eoinas_tf.space.{module}\n" for module in LIGHT_MODULES)
        + "print([name for name in ('tensorflow', 'keras', 'numpy') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
