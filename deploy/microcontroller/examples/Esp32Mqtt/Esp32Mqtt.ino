// Sends the currents of one to four motors over Wi-Fi: 100 samples per second to an MQTT broker, in messages of
// 20 CSV lines.
//
// It needs an ESP32 and the library PubSubClient. README.md, two folders up, has the wiring, the constants of
// each sensor, how the broker has to listen, and the commands and the configuration that belong to this sketch.

#include <PubSubClient.h>
#include <WiFi.h>
#include <esp_timer.h>
#include <underfoot_frame.h>

const char* const NETWORK = "your network";
const char* const NETWORK_PASSWORD = "its password";
const char* const BROKER = "192.168.1.10";
const uint16_t PORT = 1883;
// The name of the robot. The robot connects to the broker as the user of this name and may publish below
// robots/NAME: see ../mosquitto/acl.
#define ROBOT "rover"
const char* const ROBOT_PASSWORD = "its password";
const char* const TOPIC = "robots/" ROBOT "/current";

// left, right: the channels, in their order. Take pins of converter 1, which are 32 to 39; converter 2 cannot
// be used together with Wi-Fi.
const uint8_t PINS[] = {34, 35};
const float VOLTS_PER_AMPERE = 0.264f;  // ACS725, 5 A in both directions
const float ZERO_VOLTS = 1.65f;         // the sensor's output without a current: half of its supply
// What the sketch sends for each pin while the motor stands still, in amperes. It is subtracted. It is no
// measurement at the start, because a board may start again while the robot drives.
const float AT_REST[] = {0.0f, 0.0f};

const uint64_t READING = 1000;   // microseconds between two readings of a pin
const uint32_t READINGS = 10;    // of each pin, for a sample that is their mean
const int BATCH = 20;            // samples per message
const uint32_t PATIENCE = 2000;  // milliseconds between two attempts to connect to the broker
const size_t MOTORS = sizeof(PINS) / sizeof(PINS[0]);
static_assert(sizeof(AT_REST) / sizeof(AT_REST[0]) == MOTORS, "give AT_REST one value for each pin");

struct Sample {
  uint32_t micros;
  float currents[MOTORS];
};

WiFiClient network;
PubSubClient broker(network);
underfoot::Line<MOTORS> line;
QueueHandle_t samples;  // holds two seconds of samples while a connection is being made
uint32_t sums[MOTORS] = {};
uint32_t count = 0;  // of the readings of each pin since the last sample
char message[BATCH * underfoot::Line<MOTORS>::kLongest];
size_t length = 0;
int held = 0;
uint32_t tried = 0;

// The timer calls this in its own task, so the pins are read on time whatever the network does.
void take(void*) {
  // Readings are millivolts, corrected by what the factory measured.
  for (size_t i = 0; i < MOTORS; i++) sums[i] += analogReadMilliVolts(PINS[i]);
  if (++count < READINGS) return;
  Sample sample;
  sample.micros = static_cast<uint32_t>(esp_timer_get_time());
  for (size_t i = 0; i < MOTORS; i++) {
    const float volts = static_cast<float>(sums[i]) / count / 1000;
    sample.currents[i] = (volts - ZERO_VOLTS) / VOLTS_PER_AMPERE - AT_REST[i];
    sums[i] = 0;
  }
  count = 0;
  // If the queue is full, the sample is dropped. The reader sees the gap in the times.
  xQueueSend(samples, &sample, 0);
}

void setup() {
  WiFi.mode(WIFI_STA);
  WiFi.begin(NETWORK, NETWORK_PASSWORD);
  broker.setServer(BROKER, PORT);
  broker.setBufferSize(sizeof(message) + 64);
  broker.setSocketTimeout(2);

  samples = xQueueCreate(200, sizeof(Sample));
  esp_timer_create_args_t wanted = {};
  wanted.callback = take;
  esp_timer_handle_t timer;
  esp_timer_create(&wanted, &timer);
  esp_timer_start_periodic(timer, READING);
}

void loop() {
  if (!broker.connected() && WiFi.status() == WL_CONNECTED && millis() - tried >= PATIENCE) {
    broker.connect(ROBOT, ROBOT, ROBOT_PASSWORD);
    tried = millis();
  }
  broker.loop();

  Sample sample;
  // Waits for the next sample and lets other tasks run meanwhile.
  if (!xQueueReceive(samples, &sample, pdMS_TO_TICKS(100))) return;
  const size_t added = line.write(sample.micros, sample.currents);
  memcpy(message + length, line.data(), added);
  length += added;
  if (++held < BATCH) return;
  // Without a connection the message is dropped, because samples from the past are of no use.
  broker.publish(TOPIC, reinterpret_cast<const uint8_t*>(message), length);
  length = 0;
  held = 0;
}
