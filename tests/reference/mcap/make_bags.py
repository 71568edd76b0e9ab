#!/usr/bin/env python3
"""Writes the MCAP files of this folder with the reference writers of Python, so that the tests read what others write.

pip install mcap==1.6.0 mcap-ros2-support==0.6.0 rosbags==0.11.9
"""
import json
import math
import shutil
from pathlib import Path

from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer as McapWriter
from mcap_ros2.writer import Writer as Ros2Writer
from rosbags.rosbag2 import StoragePlugin, Writer as BagWriter
from rosbags.typesys import Stores, get_typestore

FOLDER = Path(__file__).resolve().parent
# Seconds of a clock that starts with the robot, so that a number with decimals is as exact as a stamp.
START = 1000
COUNT = 300

# The definitions that follow one with a header.
HEADER = """================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""

JOINT_STATE = """std_msgs/Header header

string[] name
float64[] position
float64[] velocity
float64[] effort
""" + HEADER


def sample(index):
    """The time in nanoseconds, and the efforts of both wheels. The times are those of a board that is read every 10 ms."""
    nanos = START * 1_000_000_000 + index * 10_000_000
    return nanos, {"left": round(math.sin(index / 9), 4), "right": round(math.cos(index / 7) * 2, 4)}


def joint_state(index):
    nanos, efforts = sample(index)
    # The order of the joints is that of their names in each message.
    names = ["left", "right"] if index % 3 else ["right", "left"]
    return nanos, {
        "header": {"stamp": {"sec": nanos // 1_000_000_000, "nanosec": nanos % 1_000_000_000}, "frame_id": "base"},
        "name": names,
        "position": [float(index), 0.0],
        "velocity": [],
        "effort": [efforts[name] for name in names],
    }


def write_ros2(name, **options):
    with open(FOLDER / name, "wb") as file:
        writer = Ros2Writer(file, **options)
        schema = writer.register_msgdef("sensor_msgs/msg/JointState", JOINT_STATE)
        text = writer.register_msgdef("std_msgs/msg/String", "string data")
        for index in range(COUNT):
            nanos, message = joint_state(index)
            # It is logged some time after it was stamped.
            writer.write_message("/joint_states", schema, message, log_time=nanos + 3_000_000, publish_time=nanos + 1_000_000, sequence=index)
            if index % 100 == 0:
                writer.write_message("/note", text, {"data": f"note {index}"}, log_time=nanos + 4_000_000)
        writer.finish()


def copy_unchunked(source, name):
    """Copies a file without chunks, which the writer for ROS 2 always makes."""
    with open(FOLDER / source, "rb") as file, open(FOLDER / name, "wb") as copy:
        writer = McapWriter(copy, use_chunking=False)
        writer.start(profile="ros2")
        channels = {}
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            if channel.id not in channels:
                of = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(channel.topic, channel.message_encoding, of)
            writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time, message.sequence)
        writer.finish()


def write_bag(name):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    store = get_typestore(Stores.ROS2_JAZZY)
    types = store.types
    with BagWriter(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=store)
        for index in range(COUNT):
            import numpy

            nanos, message = joint_state(index)
            header = types["std_msgs/msg/Header"](
                stamp=types["builtin_interfaces/msg/Time"](**message["header"]["stamp"]), frame_id="base"
            )
            numbers = {key: numpy.array(message[key], dtype=numpy.float64) for key in ("position", "velocity", "effort")}
            state = types["sensor_msgs/msg/JointState"](header=header, name=message["name"], **numbers)
            writer.write(connection, nanos + 3_000_000, store.serialize_cdr(state, "sensor_msgs/msg/JointState"))


def write_json(name):
    with open(FOLDER / name, "wb") as file:
        writer = McapWriter(file, compression=CompressionType.LZ4)
        writer.start()
        schema = writer.register_schema("motors", "jsonschema", json.dumps({"type": "object"}).encode())
        channel = writer.register_channel("/motors", "json", schema)
        for index in range(COUNT):
            nanos, efforts = sample(index)
            data = json.dumps({"currents": [efforts["left"], efforts["right"]]}).encode()
            writer.add_message(channel, log_time=nanos, publish_time=nanos, data=data)
        writer.finish()


STAMPED = """std_msgs/Header header
float64 data
""" + HEADER


def write_topics(name):
    """Each wheel on a topic of its own, the right one at a fifth of the rate, and labels. The log has another clock."""
    log = 1_700_000_000_000_000_000 - START * 1_000_000_000
    with open(FOLDER / name, "wb") as file:
        writer = Ros2Writer(file, chunk_size=4096)
        number = writer.register_msgdef("motor_msgs/msg/Current", STAMPED)
        text = writer.register_msgdef("std_msgs/msg/String", "string data")

        def write(topic, nanos, value):
            header = {"stamp": {"sec": nanos // 1_000_000_000, "nanosec": nanos % 1_000_000_000}, "frame_id": "base"}
            writer.write_message(topic, number, {"header": header, "data": value}, log_time=log + nanos + 3_000_000)

        for index in range(COUNT):
            nanos, efforts = sample(index)
            if index in (0, 100, 200):
                writer.write_message("/surface", text, {"data": {0: "tile", 100: "gravel", 200: ""}[index]}, log_time=log + nanos + 3_000_000)
            write("/left/current", nanos, efforts["left"])
            # A line, so that interpolation gives the same numbers at every time.
            if index % 5 == 0:
                write("/right/current", nanos + 2_000_000, (index + 0.2) / 100)
        writer.finish()


def write_csv(name):
    with open(FOLDER / name, "w") as file:
        file.write("t,left,right\n")
        for index in range(COUNT):
            nanos, efforts = sample(index)
            file.write(f"{nanos // 1_000_000_000}.{nanos % 1_000_000_000:09d},{efforts['left']},{efforts['right']}\n")


if __name__ == "__main__":
    write_ros2("zstd.mcap", compression=CompressionType.ZSTD, chunk_size=4096)
    write_ros2("lz4.mcap", compression=CompressionType.LZ4, chunk_size=4096)
    write_ros2("chunked.mcap", compression=CompressionType.NONE, chunk_size=4096)
    copy_unchunked("chunked.mcap", "plain.mcap")
    write_bag("bag")
    write_json("json.mcap")
    write_topics("topics.mcap")
    write_csv("same.csv")
