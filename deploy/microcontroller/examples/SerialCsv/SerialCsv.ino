// Sends the current of one motor as CSV lines over the serial port, 100 lines per second. This is the
// simplest sketch.
//
// It needs an ACS712 (20 A) on A0 and runs on any Arduino board. The configuration is in README.md, two
// folders up.

#include <underfoot_frame.h>

const uint8_t PIN = A0;
const uint32_t PERIOD = 10000;                // microseconds between two samples
const float AMPERES = 5.0f / 1023.0f / 0.1f;  // per step of the converter: 5 V are 1023 steps, and the sensor gives 100 mV/A

underfoot::Line<1> line;
float zero;         // the reading when no current flows
uint32_t due;       // when the period of the next sample ends
uint32_t sum = 0;   // of the readings since the last sample
uint16_t count = 0;

void setup() {
  Serial.begin(115200);
  // The motor must stand still now, because this measures the reading at zero current.
  uint32_t total = 0;
  for (int i = 0; i < 256; i++) total += analogRead(PIN);
  zero = total / 256.0f;
  Serial.print("t,current\n");
  due = micros() + PERIOD;
}

void loop() {
  // The mean of all readings of a period contains less PWM ripple than a single reading.
  sum += analogRead(PIN);
  count++;
  const uint32_t now = micros();
  // Comparing the difference stays correct when the counter wraps. With delay() the period would drift.
  if (static_cast<int32_t>(now - due) < 0) return;
  due += PERIOD;
  const float values[] = {(static_cast<float>(sum) / count - zero) * AMPERES};
  sum = 0;
  count = 0;
  Serial.write(reinterpret_cast<const uint8_t*>(line.data()), line.write(now, values));
}
