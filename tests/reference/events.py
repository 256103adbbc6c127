"""Makes events.tfevents with TensorBoard's own messages and writer (pip install tensorboard==2.21.0 "setuptools<80"):
what tests/unit/cli/event_file_test.cpp writes must be the same bytes."""

import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

path = pathlib.Path(__file__).with_name("events.tfevents")
with path.open("wb") as file:
    writer = RecordWriter(file)

    def write(event):
        writer.write(event.SerializeToString(deterministic=True))

    def value(wall_time, step, **fields):
        write(event_pb2.Event(wall_time=wall_time, step=step,
                              summary=summary_pb2.Summary(value=[summary_pb2.Summary.Value(**fields)])))

    write(event_pb2.Event(wall_time=1.25, file_version="brain.Event:2"))
    start = plugin_data_pb2.SessionStartInfo(group_name="0001-hinge-s1", start_time_secs=1.25)
    start.hparams["lr"].number_value = 0.001
    plugin = summary_pb2.SummaryMetadata.PluginData(
        plugin_name="hparams", content=plugin_data_pb2.HParamsPluginData(session_start_info=start).SerializeToString())
    value(1.25, 0, tag="_hparams_/session_start_info", tensor=tensor_pb2.TensorProto(dtype=1, tensor_shape={}),
          metadata=summary_pb2.SummaryMetadata(plugin_data=plugin))
    value(1.25, 0, tag="frechet/noise", simple_value=39.3046)
    value(1.5, 200, tag="frechet", simple_value=float("nan"))
    value(1790000000.5, 2**40, tag="generator/hinge/fake", simple_value=float("-inf"))
    writer.flush()
print(path.stat().st_size, "bytes")
