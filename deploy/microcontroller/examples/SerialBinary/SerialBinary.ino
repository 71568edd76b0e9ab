// Two motors' currents as binary frames with a checksum, 200 a second, timed by a hardware timer.
//
// Two ACS712 of 20 A on A0 and A1 of an Uno, Nano or Mega: Timer1 is the AVR's. The configuration is in README.md, two folders
// up. Nothing else may be printed on this port: text among frames is noise.

#include <underfoot_frame.h>

const uint16_t RATE = 200;                    // samples a second
const float AMPERES = 5.0f / 1023.0f / 0.1f;  // in a step of the converter: 5 V in 1023 steps, 100 mV an ampere
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
  // The motors stand still now. What is measured is what "no current" looks like.
  for (int i = 0; i < 2; i++) {
    uint32_t total = 0;
    for (int reading = 0; reading < 256; reading++) total += analogRead(PINS[i]);
    zero[i] = total / 256.0f;
  }
  // The end of whatever came before: the reader begins with the first frame.
  Serial.write(static_cast<uint8_t>(0));
  // Timer1 counts to OCR1A and starts again (CTC), at a 64th of the board's clock.
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
  // A frame that the port has no room for is left out, not waited for: its number is missing, and so it is counted.
  if (static_cast<size_t>(Serial.availableForWrite()) >= length) Serial.write(frame.data(), length);
}
