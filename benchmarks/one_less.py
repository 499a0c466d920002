"""One place less in each room that is said to be tight: what it costs, as predicted and as the Verilog has it.

``python benchmarks/one_less.py MODEL [FOLDING]`` takes a folder of ``../shared/models`` and one of the foldings of ``cycles.py``, by
name. Of each tight room the longest interval of the later frames is told, which has to be longer than with all the rooms. Exit code 1 where
one is not, or where a frame ends at another cycle than predicted.
"""

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path

from cycles import FOLDINGS, SHARES, builds_folder, folding, simulated
from verify_models import MODELS, NETWORKS

from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.dataflow.timing import predict
from finnr_rtl.frontend import load_network
from finnr_rtl.platforms import load

ROWS = Path(__file__).parent / "data" / "one_less.json"
# Frames that are followed, and of which the later half must be late.
FRAMES = 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("folding", nargs="?", choices=FOLDINGS, default="fast")
    parser.add_argument("--stages", nargs="+", help="only these rooms")
    options = parser.parse_args()
    name = options.model
    network = load_network(MODELS / name / "model.onnx")
    stages = size_rooms(lower(folding(options.folding, network, load(NETWORKS[name][1]), SHARES.get(name, 0.25))))
    interval = predict(stages).interval
    print(f"{name}, {options.folding}: {interval} cycles per frame", flush=True)
    print("room | places | one less, predicted | simulated", flush=True)
    rows, sound = json.loads(ROWS.read_text()) if ROWS.exists() else [], True
    wanted = options.stages or [stage.name for stage in stages]
    here = [old for old in rows if (old["network"], old["folding"]) == (name, options.folding)]
    rows = [old for old in rows if old not in here or (options.stages and old["room"] not in wanted)]
    for index, stage in enumerate(stages):
        if not stage.tight or stage.name not in wanted:
            continue
        fewer = [*stages[:index], stage.holding(stage.room - 1), *stages[index + 1 :]]
        cycles = predict(fewer, FRAMES)
        result = simulated(network, fewer, cycles, FRAMES, builds_folder())
        late = [max(after - before for before, after in pairwise(ends[FRAMES // 2 - 1 : FRAMES])) for ends in (cycles.ends, result["ends"])]
        sound &= not result["faults"] and late[1] > interval
        print(f"{stage.name} | {stage.room} | {late[0]} | {late[1]}", *result["faults"][:3], flush=True)
        rows.append({"network": name, "folding": options.folding, "interval": interval, "room": stage.name, "places": stage.room,
                     "one_less_predicted": late[0], "one_less_simulated": late[1], "faults": result["faults"][:3]})
        ROWS.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
