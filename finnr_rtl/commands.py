"""What each command does and prints."""

from rich.table import Table

from finnr_rtl.terminal import ERR, OUT, counted, steps, table

__all__ = ["build", "check", "estimate", "example", "explore", "platforms", "run", "synth", "verify"]


def _asked(options) -> dict:
    """What build, estimate and explore are asked alike, as their jobs take it."""
    from finnr_rtl.cost.resources import RESOURCES

    caps = {name: getattr(options, f"max_{name}") for name in RESOURCES}
    return {
        "caps": {name: share for name, share in caps.items() if share is not None},
        "optimiser": options.optimiser,
        "cost_model": options.cost_model,
        "input_type": options.input_type,
        "input_scale": options.input_scale,
        "batch": options.batch,
    }


def build(options) -> int:
    """``build``: network in, Verilog out."""
    from finnr_rtl.build import build as job
    from finnr_rtl.build import default_output
    from finnr_rtl.network import summary
    from finnr_rtl.report.facts import facts

    with steps() as bar:
        task = bar.add_task("starting", total=None)
        result = job(
            options.model, options.platform, options.output, target_fps=options.target_fps, fold=options.fold,
            clock_mhz=options.clock_mhz, data=options.data, **_asked(options),
            progress=lambda step: bar.update(task, description=step),
        )
    network = result.folded.network
    OUT.print(summary.text(network))
    OUT.print()
    for port in network.inputs:
        OUT.print(f"input {port.name}, {port.dtype}: {port.source}")
    OUT.print()
    known = facts(result)
    _print_folding(known)
    OUT.print()
    _print_performance(known)
    output = options.output or default_output(options.model, result.board)
    OUT.print(f"written to {output}; check it with: python -m finnr_rtl verify {output}")
    return 0


def estimate(options) -> int:
    """``estimate``: what a build would be."""
    from finnr_rtl.estimate import default_estimate
    from finnr_rtl.estimate import estimate as job
    from finnr_rtl.network.summary import left_out
    from finnr_rtl.report import tables

    with steps() as bar:
        task = bar.add_task("starting", total=None)
        result, known = job(
            options.model, options.platform, options.output, target_fps=options.target_fps, fold=options.fold,
            clock_mhz=options.clock_mhz, **_asked(options),
            progress=lambda step: bar.update(task, description=step),
        )
    OUT.print(table(*tables.topology(known)[:3]))
    if sentence := left_out(known["network"]["channels_left_out"]):
        OUT.print(sentence)
    OUT.print()
    _print_folding(known)
    OUT.print()
    for content in (tables.traffic, tables.intensity):
        OUT.print(table(*content(known)[:3]))
        OUT.print()
    _print_performance(known)
    OUT.print(f"written to {options.output or default_estimate(options.model, result.board)}")
    return 0


def explore(options) -> int:
    """``explore``: the Pareto front."""
    from finnr_rtl.explore import default_exploration
    from finnr_rtl.explore import explore as job
    from finnr_rtl.report.explore_page import designs

    output = options.output or default_exploration(options.model)
    done = 0

    def told(count, total):
        nonlocal done
        done = count
        bar.update(task, completed=count, total=total)

    with counted() as bar:
        task = bar.add_task("designs", total=None)
        try:
            result = job(
                options.model, options.platform, output, clocks_mhz=options.clock_mhz, points=options.points, jobs=options.jobs,
                scheduler=options.scheduler, **_asked(options), progress=told,
            )
        except KeyboardInterrupt:
            bar.stop()
            ERR.print(f"interrupted; {done} designs are kept in {output}: the same command goes on from there")
            return 130
    boards = [board for board in result["platforms"] if board["points"]]
    OUT.print(table(*designs(boards)[:3]))
    OUT.print()
    for board in result["platforms"]:
        for error in board["errors"]:
            OUT.print(f"{board['name']}: {error}")
        for point in board["points"]:
            if point["front"]:
                OUT.print(f"{point['name']}: {point['build']}")
    OUT.print()
    OUT.print(f"written to {output}")
    return 0


def _print_folding(known: dict) -> None:
    """Layer by layer how it is computed and what it takes; the whole against the device; how good that is."""
    from finnr_rtl.report import tables
    from finnr_rtl.report.text import percent

    headings, rows, texts, _ = tables.layers(known)
    shown, board = tables.shown_resources(known), known["platform"]
    for name, counts in ((f"of {board['board']}", known["resources"]), ("budget", known["budget"])):
        shares = [percent(counts[kind] / board["device"][kind]) for kind in shown]
        rows.append([name, *[""] * (len(headings) - 1 - len(shown)), *shares])
    OUT.print(table(headings, rows, texts))
    OUT.print()
    proof = "" if known["gap"] is None else f"; no other folding is better by more than {known['gap']:.1%}"
    OUT.print(f"chosen by {known['optimiser']}, counted by the cost model of {known['cost_model']}{proof}")


def _print_performance(known: dict) -> None:
    """Cycles and rates of the whole."""
    from finnr_rtl.network.summary import unit
    from finnr_rtl.report.text import number, percent, quantity

    fast, each = known["performance"], unit(known["network"]["batch"])
    OUT.print(
        f"{number(fast['interval_cycles'])} cycles per {each} (slowest: {fast['bottleneck']}, limit: {fast['limit']}), first result after "
        f"{number(fast['first_result_cycles'])} cycles, first {each} after {number(fast['latency_cycles'])} cycles = "
        f"{quantity(fast['latency_us'] / 1e6, 's')}, filled after {number(fast['fill_cycles'])}"
    )
    OUT.print(
        f"{number(round(fast['frames_per_second']))} frames/s at {known['clock_mhz']:g} MHz, "
        f"{quantity(fast['operations_per_second'], 'Op/s')}; {percent(known['traffic']['bandwidth_share'])} of the board's memory bandwidth"
    )


def verify(options) -> int:
    """``verify``: simulate a build and compare."""
    from finnr_rtl.network.summary import unit, units
    from finnr_rtl.report.text import number
    from finnr_rtl.verify import verify as job

    with counted() as bar:
        task = bar.add_task("reading the build", total=None)
        result = job(
            options.folder, options.frames, options.data, options.simulator,
            progress=lambda run, done, total: bar.update(task, description=run.replace("_", " "), completed=done, total=total),
        )
    first = next(iter(result.runs.values()))
    beats = [[link["beats"] for link in run["links"]] for run in result.runs.values()]
    wrong = [[link["mismatches"] for link in run["links"]] for run in result.runs.values()]
    rows = [
        (link["name"], sum(run[index] for run in beats), sum(run[index] for run in wrong)) for index, link in enumerate(first["links"])
    ]
    OUT.print(table(("stream", "beats compared", "mismatches"), rows))
    OUT.print()
    each, several = unit(result.batch), units(result.batch)
    for name, run in result.runs.items():
        OUT.print(f"{name.replace('_', ' ')}: {run['frames_done']} {several} in {run['cycles']:,} cycles, {len(run['faults'])} faults")
        for fault in run["faults"]:
            OUT.print(f"  {fault}")
    timing, measured = result.predicted, result.runs.get("back_to_back", {})
    gap = timing.gap(result.batches)
    later = "" if gap in (None, timing.interval) else f"; {timing.interval:,} from some later {each} on"
    OUT.print(f"cycles per {each}: {number(gap)} predicted, {number(measured.get('interval'))} measured (back to back){later}")
    OUT.print(f"latency: {number(timing.latency)} cycles predicted, {number(measured.get('latency'))} measured")
    OUT.print(f"slowest: {timing.bottleneck}, limit: {timing.limit}; filled after {timing.fill:,} cycles")
    if result.differing_samples is not None:
        OUT.print(f"outputs stored with the data: {result.differing_samples} of {result.frames} frames differ")
    total = sum(row[1] for row in rows)
    verdict = "PASS" if result.passed else "FAIL: the Verilog equals the reference, the stored outputs do not" if result.sound else "FAIL"
    OUT.print(f"{result.frames} frames, {total} beats, {sum(row[2] for row in rows)} mismatches: {verdict}")
    return 0 if result.passed else 1


def synth(options) -> int:
    """``synth``: what a build takes."""
    from finnr_rtl.synth import synth as with_yosys
    from finnr_rtl.synth import synth_vivado
    from finnr_rtl.synthesis.yosys import COMMANDS

    with counted() as bar:
        task = bar.add_task("synthesis", total=None)

        def progress(name, done, total):
            bar.update(task, description=name, completed=done, total=total)

        vivado = options.tool == "vivado"
        result = synth_vivado(options.folder, progress) if vivado else with_yosys(options.folder, options.jobs, progress)
    if result is None:
        script = options.folder / "synth_vivado" / "synth.tcl"
        OUT.print(f"{script} is written but not run, as there is no vivado on PATH; in its folder: vivado -mode batch -source synth.tcl")
        return 0
    rows = [(name, *vars(counts).values()) for name, counts in {**result.stages, "whole accelerator": result.whole}.items()]
    OUT.print(table(("stage", "LUT", "FF", "BRAM18", "DSP", "URAM"), rows))
    OUT.print()
    how = "synth_design -mode out_of_context" if vivado else COMMANDS[result.family]
    OUT.print(f"{result.tool}, {how}; written to {options.folder / 'synth.json'}")
    return 0


def run(options) -> int:
    """``run``: the integer reference on a data set."""
    from finnr_rtl.build import read_data
    from finnr_rtl.frontend import load_network
    from finnr_rtl.network.batch import batched
    from finnr_rtl.network.evaluate import evaluate

    data = read_data(options.data)
    network = batched(load_network(options.model, options.input_type, options.input_scale), options.batch)
    with counted() as bar:
        task = bar.add_task("samples", total=None)
        report = evaluate(network, data, lambda done, samples: bar.update(task, completed=done, total=samples))
    OUT.print(f"{report.samples} samples through the integer reference of {network.name}")
    if report.off_grid:
        types = ", ".join(f"{port.name} {port.dtype} (scale {port.scale:g})" for port in network.inputs)
        OUT.print(f"input types round or clip values of {report.off_grid} samples: {types}")
    if report.mismatching_samples is not None:
        first = f", the first is sample {report.first_mismatch}" if report.mismatching_samples else ""
        OUT.print(f"outputs: {report.mismatching_values} values in {report.mismatching_samples} samples differ{first}")
    if report.correct is not None:
        OUT.print(f"accuracy: {report.correct} of {report.samples} = {100 * report.accuracy:.2f} %")
    return 1 if report.mismatching_samples else 0


def check(options) -> int:
    """``check``: what would become of a network."""
    from finnr_rtl.check import check as job

    report = job(options.model, options.input_type, options.input_scale)
    rows = [(f"{row.node} ({row.op})", "; ".join([*row.layers, row.note] if row.note else row.layers)) for row in report.rows]
    found = Table(box=None, pad_edge=False)
    found.add_column("node", no_wrap=True)
    found.add_column("becomes")
    for row in rows:
        found.add_row(*row)
    OUT.print(found)
    OUT.print()
    for problem in report.problems:
        OUT.print(problem)
    OUT.print(f"{report.model} " + ("can be built" if report.passed else f"cannot be built: {len(report.problems)} problems"))
    return 0 if report.passed else 1


def platforms(_) -> int:
    """``platforms``: the known boards."""
    from finnr_rtl.platforms import load, names

    rows = []
    for board in map(load, names()):
        device, memory = board.device, board.memory
        link = f"{memory.ports} x {memory.port_bits} bit, {memory.bandwidth / 1e9:g} GB/s"
        figures = device.lut, device.ff, device.bram18, device.dsp, device.uram, f"{board.clock_mhz:g}", link
        rows.append((board.name, board.board, board.part, board.family, *figures))
    OUT.print(table(("name", "board", "part", "family", "LUT", "FF", "BRAM18", "DSP", "URAM", "MHz", "memory"), rows))
    return 0


def example(options) -> int:
    """``example``: write a known topology."""
    from finnr_rtl import zoo
    from finnr_rtl.errors import UserError

    if options.name not in zoo.NAMES:
        raise UserError(f"unknown example {options.name!r}; known are {', '.join(zoo.NAMES)}")
    if not options.output.absolute().parent.is_dir():
        raise UserError(f"{options.output}: its folder does not exist; make it first")
    content = zoo.make(options.name).SerializeToString(deterministic=True)
    try:
        options.output.write_bytes(content)
    except OSError as error:
        raise UserError(f"{options.output}: cannot be written ({error.strerror}); give another file with -o") from None
    print(f"{options.name} written to {options.output}")
    return 0
