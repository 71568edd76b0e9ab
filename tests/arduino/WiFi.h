// A stand-in for a Wi-Fi network that is always connected.

#ifndef WIFI_H
#define WIFI_H

enum { WL_CONNECTED = 3, WIFI_STA = 1 };

struct WiFiClient {};

struct WiFiClass {
  void mode(int) {}
  void begin(const char*, const char*) {}
  int status() { return WL_CONNECTED; }
};
static WiFiClass WiFi;

#endif
