// Encodes the samples on standard input as a board would. The arguments are `frame` or `line`, and the number
// of channels. A sample is a counter of microseconds and a float32 for each channel, each 4 bytes,
// little-endian.

#include <stdio.h>
#include <stdlib.h>

#include <underfoot_frame.h>

template <size_t kChannels>
int encode(bool frames) {
  underfoot::Frame<kChannels> frame;
  underfoot::Line<kChannels> line;
  uint32_t micros;
  float values[kChannels];
  while (fread(&micros, 4, 1, stdin) == 1 && fread(values, 4, kChannels, stdin) == kChannels) {
    if (frames) {
      const size_t length = frame.encode(micros, values);
      fwrite(frame.data(), 1, length, stdout);
    } else {
      const size_t length = line.write(micros, values);
      fwrite(line.data(), 1, length, stdout);
    }
  }
  return 0;
}

int main(int count, char** args) {
  if (count != 3) return 2;
  const bool frames = strcmp(args[1], "frame") == 0;
  switch (atoi(args[2])) {
    case 1: return encode<1>(frames);
    case 3: return encode<3>(frames);
    case 60: return encode<60>(frames);
    case 61: return encode<61>(frames);
    case 64: return encode<64>(frames);
    default: return 2;
  }
}
