// A stand-in for the timer of an ESP32 and for the FreeRTOS queue that holds its samples.

#ifndef ESP_TIMER_H
#define ESP_TIMER_H

#include <deque>
#include <string>

#include "Arduino.h"

struct esp_timer_create_args_t {
  void (*callback)(void*);
};
typedef void (*esp_timer_handle_t)(void*);

static void (*esp_timer_callback)(void*);

inline int64_t esp_timer_get_time() { return static_cast<int64_t>(board::now); }

inline int esp_timer_create(const esp_timer_create_args_t* wanted, esp_timer_handle_t* timer) {
  *timer = wanted->callback;
  return 0;
}

inline int esp_timer_start_periodic(esp_timer_handle_t timer, uint64_t period) {
  esp_timer_callback = timer;
  board::start(period, [] { esp_timer_callback(nullptr); });
  return 0;
}

struct Queue {
  size_t limit, size;
  std::deque<std::string> items;
};
typedef Queue* QueueHandle_t;

inline uint32_t pdMS_TO_TICKS(uint32_t ms) { return ms; }

inline QueueHandle_t xQueueCreate(size_t limit, size_t size) {
  static Queue queue;
  queue.limit = limit;
  queue.size = size;
  return &queue;
}

inline bool xQueueSend(QueueHandle_t queue, const void* item, uint32_t) {
  if (queue->items.size() == queue->limit) return false;
  queue->items.emplace_back(static_cast<const char*>(item), queue->size);
  return true;
}

inline bool xQueueReceive(QueueHandle_t queue, void* item, uint32_t ticks) {
  for (uint32_t i = 0; i < ticks && queue->items.empty(); i++) board::pass(1000);
  if (queue->items.empty()) return false;
  memcpy(item, queue->items.front().data(), queue->size);
  queue->items.pop_front();
  return true;
}

#endif
