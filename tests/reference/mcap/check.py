#!/usr/bin/env python3
"""Reads MCAP files that underfoot wrote with the reference reader, and checks each message against its JSON Schema.

pip install mcap==1.6.0 jsonschema==4.25.1
"""
import json
import sys
from collections import Counter

import jsonschema
from mcap.reader import SeekingReader

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        reader = SeekingReader(file, validate_crcs=True)
        summary = reader.get_summary()
        validators, counts, last = {}, Counter(), 0
        for schema, channel, message in reader.iter_messages():
            assert message.log_time >= last, f"{path}: the index is not in order of time"
            last = message.log_time
            counts[channel.topic] += 1
            if channel.message_encoding != "json":
                continue
            assert schema.encoding == "jsonschema", f"{path}: {channel.topic} has a schema in {schema.encoding}"
            if schema.id not in validators:
                definition = json.loads(schema.data)
                jsonschema.Draft202012Validator.check_schema(definition)
                # No field is without a description in the schema.
                definition["additionalProperties"] = False
                validators[schema.id] = jsonschema.Draft202012Validator(definition)
            validators[schema.id].validate(json.loads(message.data))
        assert sum(summary.statistics.channel_message_counts.values()) == sum(counts.values())
        metadata = {record.name: record.metadata for record in reader.iter_metadata()}
        print(path, dict(counts), metadata.get("underfoot"))
