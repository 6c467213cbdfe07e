"""Runs G-code files through Klipper's own virtual_sdcard, gcode and gcode_move, without a printer.

Prints for each file one JSON array with an entry per line that Klipper ran: its file position, the position of
gcode_move (X, Y, Z, E), and whether the line was refused, which ends the file.
"""
import io
import json
import logging
import sys

from klippy import gcode
from klippy.extras import gcode_arcs, gcode_move, virtual_sdcard


class Mutex:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def test(self):
        return False


class Reactor:
    NOW, NEVER = 0.0, 1e9

    def mutex(self):
        return Mutex()

    def monotonic(self):
        return 0.0

    def pause(self, _):
        pass

    def unregister_timer(self, _):
        pass


class Toolhead:
    """Is at once where it is sent."""

    def __init__(self):
        self.position = [0.0] * 4

    def move(self, position, _):
        self.position[:] = position[:4]

    def get_position(self):
        return list(self.position)


class Printer:
    config_error = command_error = gcode.CommandError

    def __init__(self):
        self.objects = {}
        self.reactor = Reactor()

    def get_start_args(self):
        return {}

    def get_reactor(self):
        return self.reactor

    def register_event_handler(self, *_):
        pass

    def send_event(self, *_):
        return []

    def lookup_object(self, name, default=None):
        return self.objects.get(name, default)

    def load_object(self, _, name):
        return self.objects[name]


class Config:
    def __init__(self, printer):
        self.printer = printer

    def get_printer(self):
        return self.printer

    def getfloat(self, _, default=None, **__):
        return default


class Nothing:
    """Stands for what a run needs but does not matter."""

    def __getattr__(self, _):
        return lambda *__: ""


def run(path):
    printer = Printer()
    toolhead = Toolhead()
    dispatch = gcode.GCodeDispatch(printer)
    printer.objects.update(gcode=dispatch, toolhead=toolhead)
    move = gcode_move.GCodeMove(Config(printer))
    printer.objects["gcode_move"] = move
    gcode_arcs.ArcSupport(Config(printer))
    retracted = []

    def home(command):
        named = [i for i, axis in enumerate("XYZ") if command.get(axis, None) is not None]
        axes = named or [0, 1, 2]
        for axis in axes:
            toolhead.position[axis] = 0.0
        move.reset_last_position()
        for axis in axes:
            move.base_position[axis] = move.homing_position[axis]

    def shift(length):
        # As mainline's firmware_retraction does it.
        dispatch.run_script_from_command(
            "SAVE_GCODE_STATE NAME=_retract_state\nG91\nG1 E%f\nRESTORE_GCODE_STATE NAME=_retract_state" % length
        )

    def retract(_):
        if not retracted:
            retracted.append(True)
            shift(-0.8)

    def unretract(_):
        if retracted:
            retracted.clear()
            shift(0.8)

    for name, handler in [("G28", home), ("G10", retract), ("G11", unretract)]:
        dispatch.register_command(name, handler)
    dispatch._handle_ready()
    move._handle_ready()

    card = virtual_sdcard.VirtualSD.__new__(virtual_sdcard.VirtualSD)
    card.printer, card.reactor, card.gcode = printer, printer.reactor, dispatch
    card.print_stats = card.on_error_gcode = Nothing()
    card.must_pause_work, card.file_position, card.work_timer = False, 0, 1
    card.current_file = io.open(path, "r", newline="")
    rows = []
    run_script = dispatch.run_script

    def record(line):
        try:
            run_script(line)
            refused = False
        except gcode.CommandError:
            refused = True
        rows.append([card.next_file_position, move.last_position[:4], refused])
        if refused:
            raise gcode.CommandError("refused")

    dispatch.run_script = record
    card.work_handler(0.0)
    # The script that Klipper runs after an error is no line of the file.
    refusals = [i for i, row in enumerate(rows) if row[2]]
    return rows[: refusals[0] + 1] if refusals else rows


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.dont_write_bytecode = True
    for path in sys.argv[1:]:
        print(json.dumps(run(path)))
