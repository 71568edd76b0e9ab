// One motor's current as CSV lines over the serial port, 100 a second: the simplest board that underfoot reads.
//
// An ACS712 of 20 A on A0. Any board of Arduino's will do. The configuration is in README.md, two folders up.

#include <underfoot_frame.h>

const uint8_t PIN = A0;
const uint32_t PERIOD = 10000;                // microseconds between two samples
const float AMPERES = 5.0f / 1023.0f / 0.1f;  // in a step of the converter: 5 V in 1023 steps, 100 mV an ampere

underfoot::Line<1> line;
float zero;         // what the converter says when no current flows
uint32_t due;       // when the next sample ends
uint32_t sum = 0;   // of the readings since the last sample
uint16_t count = 0;

void setup() {
  Serial.begin(115200);
  // The motor stands still now. What is measured is what "no current" looks like.
  uint32_t total = 0;
  for (int i = 0; i < 256; i++) total += analogRead(PIN);
  zero = total / 256.0f;
  Serial.print("t,current\n");
  due = micros() + PERIOD;
}

void loop() {
  // The mean of all readings of one period lets the ripple of the motor's PWM through less than one reading would.
  sum += analogRead(PIN);
  count++;
  const uint32_t now = micros();
  // A difference, so that it stays right when the counter wraps. delay() would let the period drift.
  if (static_cast<int32_t>(now - due) < 0) return;
  due += PERIOD;
  const float values[] = {(static_cast<float>(sum) / count - zero) * AMPERES};
  sum = 0;
  count = 0;
  Serial.write(reinterpret_cast<const uint8_t*>(line.data()), line.write(now, values));
}
