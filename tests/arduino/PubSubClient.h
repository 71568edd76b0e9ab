// A stand-in for an MQTT client that writes each message to standard output: the lengths of the topic and the
// payload (32 bits each, little-endian), then both.

#ifndef PUB_SUB_CLIENT_H
#define PUB_SUB_CLIENT_H

#include "WiFi.h"

struct PubSubClient {
  explicit PubSubClient(WiFiClient&) {}
  void setServer(const char*, uint16_t) {}
  bool setBufferSize(uint16_t size) {
    room = size;
    return true;
  }
  void setSocketTimeout(uint16_t) {}
  bool connect(const char*, const char*, const char*) { return online = true; }
  bool connected() { return online; }
  bool loop() { return online; }

  bool publish(const char* topic, const uint8_t* payload, unsigned length) {
    const uint32_t lengths[] = {static_cast<uint32_t>(strlen(topic)), length};
    // The real library has the same limit: a message that does not fit into its buffer together with its
    // header is not sent.
    if (!online || 5 + 2 + lengths[0] + length > room) return false;
    fwrite(lengths, 4, 2, stdout);
    fwrite(topic, 1, lengths[0], stdout);
    fwrite(payload, 1, length, stdout);
    return true;
  }

  bool online = false;
  size_t room = 256;
};

#endif
