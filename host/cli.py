# SPDX-License-Identifier: Apache-2.0
"""The nms command: each sub-command is one function in a module of its own, registered here.

Those modules import what is slow (numba, amaranth, torch) inside their functions, so that
`nms --help` answers at once.
"""

import typer

from host import doctor, verilog
from host.commands.compare import compare
from host.commands.demo import demo
from host.commands.finetune import finetune
from host.commands.gradient import gradient
from host.commands.plan import plan
from host.commands.report import report
from host.commands.select import select
from host.commands.study import study
from host.commands.train import train

app = typer.Typer(
    name="nms",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Near-memory sample selection: hardware generator, simulators and host tool.",
)

app.command("doctor")(doctor.doctor)
app.command("verilog")(verilog.verilog)
app.command("select")(select)
app.command("compare")(compare)
app.command("train")(train)
app.command("study")(study)
app.command("plan")(plan)
app.command("finetune")(finetune)
app.command("gradient")(gradient)
app.command("report")(report)
app.command("demo")(demo)
