#include "exec/graph_cache.h"

#include <algorithm>

namespace trtnode {
namespace {

// Calls that are remembered for each graph that may be kept: more, or a call that comes in turn with others would never be
// seen twice.
constexpr size_t kEntriesPerGraph = 4;

}  // namespace

GraphEntry* GraphCache::Find(const GraphKey& key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->key == key; });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().get();
  }
  if (entries_.size() >= max_graphs_ * kEntriesPerGraph) entries_.pop_back();
  auto entry = std::make_unique<GraphEntry>();
  entry->key = key;
  return entries_.insert(entries_.begin(), std::move(entry))->get();
}

void GraphCache::Trim() {
  size_t kept = 0;
  for (const auto& entry : entries_) {
    if (!entry->graph || ++kept <= max_graphs_) continue;
    entry->graph = Graph();
    entry->uses = 0;
  }
}

void GraphCache::DropGraphs() {
  for (const auto& entry : entries_) entry->graph = Graph();
}

void GraphCache::Outdate() {
  for (const auto& entry : entries_) {
    entry->outdated = entry->outdated || static_cast<bool>(entry->graph);
    entry->graph = Graph();
    entry->uses = 0;
  }
}

size_t GraphCache::graphs() const {
  return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) {
    return static_cast<bool>(entry->graph);
  }));
}

}  // namespace trtnode
