// One motor's current over Wi-Fi: 100 samples a second, sent to an MQTT broker in batches of 20 CSV lines.
//
// An ESP32 with a sensor for 3.3 V on GPIO 34, such as an ACS725 or an INA240 (converter 1: converter 2 does not work beside
// Wi-Fi). It takes the library PubSubClient. The configuration is in README.md, two folders up.

#include <PubSubClient.h>
#include <WiFi.h>
#include <esp_timer.h>
#include <underfoot_frame.h>

const char* const NETWORK = "your network";
const char* const NETWORK_PASSWORD = "its password";
const char* const BROKER = "192.168.1.10";
const uint16_t PORT = 1883;
// The robot's name. The broker knows it by this name and password, and lets it write below it: see ../mosquitto/acl.
const char* const ROBOT = "rover";
const char* const ROBOT_PASSWORD = "its password";
const char* const TOPIC = "robots/rover/current";

const uint8_t PIN = 34;
const uint64_t PERIOD = 10000;     // microseconds between two samples
const float AMPERES = 1.0f / 264;  // in a millivolt: an ACS725 of 5 A has 264 mV an ampere
const int BATCH = 20;              // samples in a message
const uint32_t PATIENCE = 2000;    // milliseconds between two tries to reach the broker

struct Sample {
  uint32_t micros;
  float current;
};

WiFiClient network;
PubSubClient broker(network);
underfoot::Line<1> line;
QueueHandle_t samples;  // two seconds of them, for the while that a connection takes
float zero;             // millivolts when no current flows
char message[BATCH * underfoot::Line<1>::kLongest];
size_t length = 0;
int held = 0;
uint32_t tried = 0;

// Runs in a task of the timer's own, so samples are taken in time whatever the network does.
void take(void*) {
  const Sample sample = {static_cast<uint32_t>(esp_timer_get_time()), (analogReadMilliVolts(PIN) - zero) * AMPERES};
  // With the queue full the sample is lost; the reader sees the gap in the times.
  xQueueSend(samples, &sample, 0);
}

void setup() {
  // The motor stands still now. What is measured is what "no current" looks like.
  uint32_t total = 0;
  for (int i = 0; i < 256; i++) total += analogReadMilliVolts(PIN);
  zero = total / 256.0f;

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
  esp_timer_start_periodic(timer, PERIOD);
}

void loop() {
  if (!broker.connected() && WiFi.status() == WL_CONNECTED && millis() - tried >= PATIENCE) {
    broker.connect(ROBOT, ROBOT, ROBOT_PASSWORD);
    tried = millis();
  }
  broker.loop();

  Sample sample;
  // Waits for the next sample, and gives the processor away meanwhile.
  if (!xQueueReceive(samples, &sample, pdMS_TO_TICKS(100))) return;
  const float values[] = {sample.current};
  const size_t added = line.write(sample.micros, values);
  memcpy(message + length, line.data(), added);
  length += added;
  if (++held < BATCH) return;
  // Without a connection the batch is lost: what a robot drove on a while ago helps nobody.
  broker.publish(TOPIC, reinterpret_cast<const uint8_t*>(message), length);
  length = 0;
  held = 0;
}
