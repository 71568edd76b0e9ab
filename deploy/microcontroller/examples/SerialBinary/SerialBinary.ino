// Sends the currents of one to four motors as binary frames with a checksum, 200 frames per second, timed by a
// hardware timer.
//
// It runs on an Uno, a Nano or a Mega, because it uses Timer1 of the AVR. README.md, two folders up, has the
// wiring, the constants of each sensor, and the commands and the configuration that belong to this sketch. Do
// not print anything else on this port, because the reader cannot decode text between frames.

#include <underfoot_frame.h>

const uint16_t RATE = 200;              // samples per second
const uint8_t PINS[] = {A0, A1};        // left, right: the channels, in the order of the frame
const float VOLTS_PER_STEP = 5.0f / 1024;
const float VOLTS_PER_AMPERE = 0.185f;  // ACS712, 5 A
const float ZERO_VOLTS = 2.5f;          // the sensor's output without a current: half of its supply
// What the sketch sends for each pin while the motor stands still, in amperes. It is subtracted. It is no
// measurement at the start, because opening the port starts the board again, and the robot may be driving then.
const float AT_REST[] = {0.0f, 0.0f};

const size_t MOTORS = sizeof(PINS) / sizeof(PINS[0]);
static_assert(sizeof(AT_REST) / sizeof(AT_REST[0]) == MOTORS, "give AT_REST one value for each pin");

underfoot::Frame<MOTORS> frame;
uint32_t sums[MOTORS] = {};
uint16_t count = 0;  // of the readings of each pin since the last sample
volatile uint32_t stamp;
volatile bool due = false;

ISR(TIMER1_COMPA_vect) {
  stamp = micros();
  due = true;
}

void setup() {
  Serial.begin(115200);
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
  for (size_t i = 0; i < MOTORS; i++) sums[i] += analogRead(PINS[i]);
  count++;
  if (!due) return;
  noInterrupts();
  const uint32_t micros_then = stamp;
  due = false;
  interrupts();
  float values[MOTORS];
  for (size_t i = 0; i < MOTORS; i++) {
    const float volts = static_cast<float>(sums[i]) / count * VOLTS_PER_STEP;
    values[i] = (volts - ZERO_VOLTS) / VOLTS_PER_AMPERE - AT_REST[i];
    sums[i] = 0;
  }
  count = 0;
  const size_t length = frame.encode(micros_then, values);
  // If the port has no room for the frame, the frame is dropped instead of waiting. Its sequence number is
  // then missing, so the reader counts it as lost.
  if (static_cast<size_t>(Serial.availableForWrite()) >= length) Serial.write(frame.data(), length);
}
