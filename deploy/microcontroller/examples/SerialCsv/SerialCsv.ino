// Sends the currents of one to four motors as CSV lines over USB, 100 lines per second. This is the simplest
// sketch.
//
// It runs on an Uno, a Nano, a Mega and an ESP32, and on other boards after a look at the constants below.
// README.md, two folders up, has the wiring, the constants of each sensor, and the commands and the
// configuration that belong to this sketch.

#include <underfoot_frame.h>

#if defined(ESP32)
// These pins belong to converter 1. Its readings are millivolts, corrected by what the factory measured.
const uint8_t PINS[] = {34, 35};
const float VOLTS_PER_STEP = 0.001f;
uint32_t reading(uint8_t pin) { return analogReadMilliVolts(pin); }
const float VOLTS_PER_AMPERE = 0.264f;  // ACS725, 5 A in both directions
const float ZERO_VOLTS = 1.65f;         // the sensor's output without a current: half of its supply
#else
// The supply of the board is the highest voltage that the converter reads: 3.3f on a board of 3.3 V.
const float SUPPLY_VOLTS = 5.0f;
const uint8_t PINS[] = {A0, A1};
const float VOLTS_PER_STEP = SUPPLY_VOLTS / 1024;
uint32_t reading(uint8_t pin) { return analogRead(pin); }
const float VOLTS_PER_AMPERE = 0.185f;  // ACS712, 5 A
const float ZERO_VOLTS = 2.5f;          // the sensor's output without a current: half of its supply
#endif

// A name for each pin, and what the sketch sends for it while the motor stands still, in amperes. It is
// subtracted. It is no measurement at the start, because many boards start again whenever the port is opened,
// and the robot may be driving then.
const char* const NAMES[] = {"left", "right"};
const float AT_REST[] = {0.0f, 0.0f};

const uint32_t PERIOD = 10000;  // microseconds between two samples
const size_t MOTORS = sizeof(PINS) / sizeof(PINS[0]);
static_assert(sizeof(NAMES) / sizeof(NAMES[0]) == MOTORS, "give NAMES one name for each pin");
static_assert(sizeof(AT_REST) / sizeof(AT_REST[0]) == MOTORS, "give AT_REST one value for each pin");

underfoot::Line<MOTORS> line;
uint32_t due;  // when the period of the next sample ends
uint32_t sums[MOTORS] = {};
uint16_t count = 0;  // of the readings of each pin since the last sample

void setup() {
  Serial.begin(115200);
  Serial.print("t");
  for (size_t i = 0; i < MOTORS; i++) {
    Serial.print(",");
    Serial.print(NAMES[i]);
  }
  Serial.print("\n");
  due = micros() + PERIOD;
}

void loop() {
  // The mean of all readings of a period contains less noise and less PWM ripple than a single reading.
  for (size_t i = 0; i < MOTORS; i++) sums[i] += reading(PINS[i]);
  count++;
  const uint32_t now = micros();
  // Comparing the difference stays correct when the counter wraps. With delay() the period would drift.
  if (static_cast<int32_t>(now - due) < 0) return;
  due += PERIOD;
  float values[MOTORS];
  for (size_t i = 0; i < MOTORS; i++) {
    const float volts = static_cast<float>(sums[i]) / count * VOLTS_PER_STEP;
    values[i] = (volts - ZERO_VOLTS) / VOLTS_PER_AMPERE - AT_REST[i];
    sums[i] = 0;
  }
  count = 0;
  const size_t length = line.write(now, values);
  Serial.write(reinterpret_cast<const uint8_t*>(line.data()), length);
}
