#include "exec/graph_cache.h"

#include <algorithm>

namespace trtnode {
namespace {

// Calls that are remembered for each graph that may be kept: more, or a call that comes in turn with others would never be
// seen twice.
constexpr size_t kEntriesPerGraph = 4;

// A capture takes the time of several inferences. Where more shapes come than there is room for, each new graph would end one that
// had no time to pay for itself: then they have to be earned by more uses, so that those that come often keep theirs.
constexpr size_t kMostUses = 1024;
constexpr size_t kReplaysThatPay = 16;

}  // namespace

GraphCache::GraphCache(size_t max_graphs) : max_graphs_(max_graphs) {}

GraphEntry* GraphCache::Find(const GraphKey& key) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->key == key; });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().get();
  }
  if (entries_.size() >= max_graphs_ * kEntriesPerGraph) {
    // Trim keeps those with a context below that.
    const auto oldest = std::find_if(entries_.rbegin(), entries_.rend(),
                                     [](const auto& entry) { return entry->context == nullptr; });
    entries_.erase(std::next(oldest).base());
  }
  auto entry = std::make_unique<GraphEntry>();
  entry->key = key;
  return entries_.insert(entries_.begin(), std::move(entry))->get();
}

std::shared_ptr<LaneContext> GraphCache::ContextOf(const GraphKey& key) const {
  const auto found = std::ranges::find_if(entries_, [&](const auto& entry) {
    return entry->context != nullptr && entry->key.SameShape(key);
  });
  return found == entries_.end() ? nullptr : (*found)->context;
}

bool GraphCache::HasContexts() const {
  return std::ranges::any_of(entries_, [](const auto& entry) { return entry->context != nullptr; });
}

bool GraphCache::HasEarned(const GraphEntry& entry, bool is_full) const {
  if (entry.uses >= wanted_uses_) return true;
  if (entry.uses < kFewestUses || is_full) return false;
  const auto kept =
      std::ranges::count_if(entries_, [](const auto& other) { return other->context != nullptr; });
  return static_cast<size_t>(kept) < max_graphs_;
}

void GraphCache::MakeRoom(GraphEntry* entry) {
  if (entry->replays < kReplaysThatPay) {
    wanted_uses_ = std::min(wanted_uses_ * 2, kMostUses);
  } else {
    wanted_uses_ = std::max(wanted_uses_ / 2, kFewestUses);
  }
  entry->graph = Graph();
  entry->context.reset();
  entry->uses = 0;
  entry->replays = 0;
}

std::shared_ptr<LaneContext> GraphCache::Trim() {
  size_t kept = 0;
  std::shared_ptr<LaneContext> spare;
  for (const auto& entry : entries_) {
    if (!entry->context || ++kept <= max_graphs_) continue;
    const std::shared_ptr<LaneContext> context = entry->context;
    MakeRoom(entry.get());
    if (context.use_count() == 1) spare = context;
  }
  return spare;
}

std::shared_ptr<LaneContext> GraphCache::TakeOldest() {
  // A shape was used last when the first of its entries was: the context that comes last here is the oldest.
  std::vector<std::shared_ptr<LaneContext>> contexts;
  for (const auto& entry : entries_) {
    if (entry->context && std::ranges::find(contexts, entry->context) == contexts.end()) {
      contexts.push_back(entry->context);
    }
  }
  if (contexts.empty()) return nullptr;
  for (const auto& entry : entries_) {
    if (entry->context == contexts.back()) MakeRoom(entry.get());
  }
  return contexts.back();
}

void GraphCache::Release(const std::shared_ptr<LaneContext>& context) {
  for (const auto& entry : entries_) {
    if (entry->context != context) continue;
    entry->graph = Graph();
    entry->context.reset();
  }
}

void GraphCache::DropGraphs() {
  for (const auto& entry : entries_) entry->graph = Graph();
}

size_t GraphCache::graphs() const {
  return static_cast<size_t>(std::ranges::count_if(
      entries_, [](const auto& entry) { return static_cast<bool>(entry->graph); }));
}

}  // namespace trtnode
