"""The cases of scripts/faults: each is a function that takes a Context and yields Rows.

The first line of a function's documentation says what the case does; `scripts/faults --list` prints it.
"""
from . import broker, files, messages, recorder, serial, service

CASES = {
    **broker.CASES, **serial.CASES, **messages.CASES, **recorder.CASES, **service.CASES, **files.CASES,
}
