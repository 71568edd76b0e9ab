// Sends the currents of two motors as binary frames with a checksum, 200 frames per second, timed by a
// hardware timer.
//
// It needs two ACS712 (20 A) on A0 and A1 of an Uno, Nano or Mega, because it uses Timer1 of the AVR. The
// configuration is in README.md, two folders up. Do not print anything else on this port, because the reader
// cannot decode text between frames.

#include <underfoot_frame.h>

const uint16_t RATE = 200;                    // samples per second
const float AMPERES = 5.0f / 1023.0f / 0.1f;  // per step of the converter: 5 V are 1023 steps, and the sensor gives 100 mV/A
const uint8_t PINS[] = {A0, A1};              // left, right

underfoot::Frame<2> frame;
float zero[2];
uint32_t sums[2] = {0, 0};
uint16_t count = 0;
volatile uint32_t stamp;
volatile bool due = false;

ISR(TIMER1_COMPA_vect) {
  stamp = micros();
  due = true;
}

void setup() {
  Serial.begin(115200);
  // The motors must stand still now, because this measures the readings at zero current.
  for (int i = 0; i < 2; i++) {
    uint32_t total = 0;
    for (int reading = 0; reading < 256; reading++) total += analogRead(PINS[i]);
    zero[i] = total / 256.0f;
  }
  // Ends whatever was sent before, so that the reader decodes the first frame.
  Serial.write(static_cast<uint8_t>(0));
  // Timer1 counts to OCR1A and starts again (CTC mode), at 1/64 of the board's clock.
  noInterrupts();
  TCCR1A = 0;
  TCCR1B = _BV(WGM12) | _BV(CS11) | _BV(CS10);
  TCNT1 = 0;
  OCR1A = F_CPU / 64 / RATE - 1;
  TIMSK1 = _BV(OCIE1A);
  interrupts();
}

void loop() {
  for (int i = 0; i < 2; i++) sums[i] += analogRead(PINS[i]);
  count++;
  if (!due) return;
  noInterrupts();
  const uint32_t micros_then = stamp;
  due = false;
  interrupts();
  float values[2];
  for (int i = 0; i < 2; i++) {
    values[i] = (static_cast<float>(sums[i]) / count - zero[i]) * AMPERES;
    sums[i] = 0;
  }
  count = 0;
  const size_t length = frame.encode(micros_then, values);
  // If the port has no room for the frame, the frame is dropped instead of waiting. Its sequence number is
  // then missing, so the reader counts it as lost.
  if (static_cast<size_t>(Serial.availableForWrite()) >= length) Serial.write(frame.data(), length);
}
