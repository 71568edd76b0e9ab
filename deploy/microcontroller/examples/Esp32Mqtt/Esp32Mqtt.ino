// Sends the current of one motor over Wi-Fi: 100 samples per second to an MQTT broker, in messages of 20 CSV
// lines.
//
// It needs an ESP32 with a 3.3 V sensor, such as an ACS725 or an INA240, on GPIO 34. That pin belongs to
// converter 1; converter 2 cannot be used together with Wi-Fi. It needs the library PubSubClient. The
// configuration is in README.md, two folders up.

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
const char* const ROBOT = "rover";
const char* const ROBOT_PASSWORD = "its password";
const char* const TOPIC = "robots/rover/current";

const uint8_t PIN = 34;
const uint64_t PERIOD = 10000;     // microseconds between two samples
const float AMPERES = 1.0f / 264;  // per millivolt: an ACS725 (5 A) gives 264 mV/A
const int BATCH = 20;              // samples per message
const uint32_t PATIENCE = 2000;    // milliseconds between two attempts to connect to the broker

struct Sample {
  uint32_t micros;
  float current;
};

WiFiClient network;
PubSubClient broker(network);
underfoot::Line<1> line;
QueueHandle_t samples;  // holds two seconds of samples while a connection is being made
float zero;             // millivolts when no current flows
char message[BATCH * underfoot::Line<1>::kLongest];
size_t length = 0;
int held = 0;
uint32_t tried = 0;

// The timer calls this in its own task, so samples are taken on time whatever the network does.
void take(void*) {
  const Sample sample = {static_cast<uint32_t>(esp_timer_get_time()), (analogReadMilliVolts(PIN) - zero) * AMPERES};
  // If the queue is full, the sample is dropped. The reader sees the gap in the times.
  xQueueSend(samples, &sample, 0);
}

void setup() {
  // The motor must stand still now, because this measures the voltage at zero current.
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
  // Waits for the next sample and lets other tasks run meanwhile.
  if (!xQueueReceive(samples, &sample, pdMS_TO_TICKS(100))) return;
  const float values[] = {sample.current};
  const size_t added = line.write(sample.micros, values);
  memcpy(message + length, line.data(), added);
  length += added;
  if (++held < BATCH) return;
  // Without a connection the message is dropped, because samples from the past are of no use.
  broker.publish(TOPIC, reinterpret_cast<const uint8_t*>(message), length);
  length = 0;
  held = 0;
}
