// A simulation of the parts of a board that the sketches use: a clock that advances with each reading, a
// converter that returns known values, and a serial port that writes to standard output. The program's
// argument is the number of seconds for which the sketch runs, or `-` to take readings from standard input.

#ifndef ARDUINO_H
#define ARDUINO_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace board {

// Microseconds since the board started. It begins one second before a 32-bit counter wraps.
static uint64_t now = 4294967296ULL - 1000000;
static bool masked = false;
static bool firing = false;  // whether a timer's function runs, which takes no time

struct Timer {
  uint64_t period = 0;  // 0: not started
  uint64_t due = 0;
  void (*fire)() = nullptr;
};
static Timer timer;

inline void start(uint64_t period, void (*fire)()) {
  timer.period = period;
  timer.due = now + period;
  timer.fire = fire;
}

// Readings from standard input, in the place of known ones. Each line is the number of steps that a pin reads above
// zero current during the next 10 ms, so whoever writes them sets the pace.
struct Feed {
  bool on = false;
  uint64_t due = 0;
  double steps = 0;
  uint32_t noise = 1;
};
static Feed feed;

// Advances the clock, and fires the timer when it is due.
inline void pass(uint64_t micros) {
  if (firing) return;
  now += micros;
  if (feed.on && now >= feed.due) {
    if (scanf("%lf", &feed.steps) != 1) exit(0);
    feed.due = now + 10000;
  }
  while (timer.period != 0 && !masked && now >= timer.due) {
    timer.due += timer.period;
    firing = true;
    timer.fire();
    firing = false;
  }
}

// The next reading of a pin whose reading at zero current is `zero`. The motors turn from the start, each with a
// current of its own: motor `i` draws 20 (i + 1) steps. The PWM of their driver adds and subtracts 8 steps in turns,
// so that a single reading is wrong and the mean of many is right. Readings from standard input have the noise of a
// step, as those of a converter have.
inline int reading(int i, int zero) {
  static int counts[4];
  if (!feed.on) return zero + 20 * (i + 1) + (counts[i]++ % 2 == 0 ? 8 : -8);
  feed.noise = feed.noise * 1664525u + 1013904223u;
  return zero + static_cast<int>(floor(feed.steps + feed.noise / 4294967296.0));
}

}  // namespace board

static const uint8_t A0 __attribute__((unused)) = 0, A1 __attribute__((unused)) = 1;
static const uint8_t A2 __attribute__((unused)) = 2, A3 __attribute__((unused)) = 3;

inline uint32_t micros() {
  board::pass(4);
  return static_cast<uint32_t>(board::now);
}

inline uint32_t millis() { return static_cast<uint32_t>(board::now / 1000); }

inline int analogRead(uint8_t pin) {
  board::pass(112);
  return board::reading(pin, 512);
}

// Of an ESP32: the pins 34, 35, 32 and 33 are those of the first to the fourth motor, and half of the supply is 1650 mV.
inline uint32_t analogReadMilliVolts(uint8_t pin) {
  board::pass(80);
  return static_cast<uint32_t>(board::reading(pin >= 34 ? pin - 34 : pin - 30, 1650));
}

inline void noInterrupts() { board::masked = true; }
inline void interrupts() { board::masked = false; }

struct HardwareSerial {
  void begin(unsigned long) {}
  size_t print(const char* text) { return fwrite(text, 1, strlen(text), stdout); }
  size_t write(uint8_t byte) { return fwrite(&byte, 1, 1, stdout); }
  size_t write(const uint8_t* bytes, size_t length) { return fwrite(bytes, 1, length, stdout); }
  int availableForWrite() { return 63; }
};
static HardwareSerial Serial __attribute__((unused));

// Timer1 of an AVR at 16 MHz. It starts when its interrupt is enabled.
#define F_CPU 16000000UL
#define _BV(bit) (1 << (bit))
#define WGM12 3
#define CS11 1
#define CS10 0
#define OCIE1A 1
#define ISR(vector) void vector()
void TIMER1_COMPA_vect() __attribute__((weak));
static uint16_t OCR1A __attribute__((unused)), TCNT1 __attribute__((unused));
static uint8_t TCCR1A __attribute__((unused)), TCCR1B __attribute__((unused));
struct Mask {
  void operator=(int) { board::start((OCR1A + 1ULL) * 64 * 1000000 / F_CPU, TIMER1_COMPA_vect); }
};
static Mask TIMSK1 __attribute__((unused));

void setup();
void loop();

int main(int, char** args) {
  board::feed.on = strcmp(args[1], "-") == 0;
  // Whoever sets the pace gets each line at once.
  if (board::feed.on) setvbuf(stdout, nullptr, _IONBF, 0);
  setup();
  if (board::feed.on) {
    for (;;) loop();
  }
  const uint64_t end = board::now + static_cast<uint64_t>(atof(args[1]) * 1e6);
  while (board::now < end) loop();
}

#endif
