"""The simulators compute what the language says, where one of them is known to have gone wrong.

Verilator 5.048 to 5.050 turn ``(a << b) << c`` into ``a << (b + c)`` with the sum cut to the width of a shift amount
(https://github.com/verilator/verilator/issues/7955). If this fails under Verilator, install the version that pyproject.toml pins.
"""

import pytest
from runner import simulate

SHIFT = """
module shift(input [7:0] a, input [2:0] b, input [2:0] c, output [7:0] y);
  assign y = (a << b) << c;
endmodule
"""


@pytest.mark.parametrize("simulator", ["verilator", "icarus"])
def test_shift_of_a_shift(simulator, tmp_path, builds):
    source = tmp_path / "shift.v"
    source.write_text(SHIFT)
    simulate([source], "shift", "shift_bench", build_dir=builds, simulator=simulator)
