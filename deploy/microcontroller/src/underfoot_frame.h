// Encodes samples in the formats that underfoot reads: binary frames and CSV lines.
//
// This is standard C++11 without Arduino functions, so it compiles for any board, and on a computer for
// tests. It uses no heap memory: the size of a Frame or a Line follows from its number of channels, and each
// is created once.
//
// A frame is COBS(payload) followed by 0x00. The payload, little-endian, consists of the version, which is 1
// (1 byte), a sequence number (2 bytes), a time in microseconds (4 bytes), a float32 for each channel, and
// the CRC-32 of everything before it (4 bytes). COBS (Cheshire and Baker, "Consistent overhead byte
// stuffing", 1999) removes all 0x00 from the frame, so a reader finds the start of the next frame after a
// damaged one.

#ifndef UNDERFOOT_FRAME_H
#define UNDERFOOT_FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace underfoot {

// CRC-32 (ISO-HDLC, as in zlib), computed bit by bit, because a table would take half of a small board's
// memory.
inline uint32_t crc32(const uint8_t* bytes, size_t length) {
  uint32_t crc = 0xffffffffUL;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc & 1) ? (crc >> 1) ^ 0xedb88320UL : crc >> 1;
  }
  return ~crc;
}

// Encodes one frame after another and numbers them, so that the reader can count the frames that it has
// missed.
template <size_t kChannels>
class Frame {
  static_assert(kChannels >= 1 && kChannels <= 64, "a frame holds 1 to 64 channels");
  static_assert(sizeof(float) == 4, "values are sent as float32");

 public:
  // Encodes a sample and returns the length of the frame. Its bytes are at data() until the next call.
  //
  // `micros` is the board's counter of microseconds, which may wrap. Every call increases the sequence
  // number, so the reader counts a frame that is encoded but not sent as lost.
  size_t encode(uint32_t micros, const float (&values)[kChannels]) {
    uint8_t payload[kPayload];
    payload[0] = 1;
    put(payload + 1, sequence_++, 2);
    put(payload + 3, micros, 4);
    for (size_t i = 0; i < kChannels; i++) {
      uint32_t bits;
      memcpy(&bits, &values[i], 4);
      put(payload + 7 + 4 * i, bits, 4);
    }
    put(payload + kPayload - 4, crc32(payload, kPayload - 4), 4);
    return stuff(payload);
  }

  const uint8_t* data() const { return frame_; }

 private:
  static const size_t kPayload = 7 + 4 * kChannels + 4;

  static void put(uint8_t* to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = static_cast<uint8_t>(value >> (8 * i));
  }

  // COBS: each run of bytes other than 0x00 is preceded by its length plus one, and the 0x00 after it is
  // omitted.
  size_t stuff(const uint8_t* payload) {
    size_t length = 1, head = 0;
    uint8_t run = 1;
    for (size_t i = 0; i < kPayload; i++) {
      if (payload[i] != 0) {
        frame_[length++] = payload[i];
        run++;
        // After a run of 254 bytes no 0x00 is omitted.
        if (run != 0xff || i + 1 == kPayload) continue;
      }
      frame_[head] = run;
      head = length++;
      run = 1;
    }
    frame_[head] = run;
    frame_[length++] = 0;
    return length;
  }

  uint16_t sequence_ = 0;
  // The payload, a length byte before each run, and the final 0x00.
  uint8_t frame_[kPayload + kPayload / 254 + 2];
};

// Writes one CSV line after another: `microseconds,value,value…`. It formats numbers itself, because printf
// on small boards does not support %f.
template <size_t kChannels>
class Line {
  static_assert(kChannels >= 1, "a line holds at least 1 channel");

 public:
  // The length of the longest line: the time, a comma and a value for each channel, and the newline.
  static const size_t kLongest = 10 + 17 * kChannels + 1;

  // Writes a sample and returns the length of the line including its newline. Its bytes are at data() until
  // the next call.
  //
  // Values have four decimals. A value that is not a number, or whose magnitude is 4294967296 or more, is
  // written as `nan`, which the reader treats as a missing value.
  size_t write(uint32_t micros, const float (&values)[kChannels]) {
    length_ = 0;
    digits(micros, 1);
    for (size_t i = 0; i < kChannels; i++) {
      line_[length_++] = ',';
      number(values[i]);
    }
    line_[length_++] = '\n';
    return length_;
  }

  const char* data() const { return line_; }

 private:
  void digits(uint32_t value, int least) {
    char reversed[10];
    int count = 0;
    while (value != 0 || count < least) {
      reversed[count++] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    while (count > 0) line_[length_++] = reversed[--count];
  }

  void number(float value) {
    // The comparison is also false for NaN.
    if (!(value > -4294967296.0f && value < 4294967296.0f)) {
      memcpy(line_ + length_, "nan", 3);
      length_ += 3;
      return;
    }
    const bool negative = value < 0;
    if (negative) value = -value;
    uint32_t whole = static_cast<uint32_t>(value);
    uint32_t fraction = static_cast<uint32_t>((value - static_cast<float>(whole)) * 10000.0f + 0.5f);
    // For example, 0.99996 is rounded up to 1. `whole` cannot overflow, because values that large have no
    // fraction.
    if (fraction == 10000) {
      whole++;
      fraction = 0;
    }
    if (negative) line_[length_++] = '-';
    digits(whole, 1);
    line_[length_++] = '.';
    digits(fraction, 4);
  }

  size_t length_ = 0;
  char line_[kLongest];
};

}  // namespace underfoot

#endif
