#pragma once

// Samples: the values of one figure, one from each run, and what is said of them.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

namespace sake::bench {

class Samples {
 public:
  Samples() = default;
  Samples(std::initializer_list<double> values) : values_(values) {}
  explicit Samples(std::vector<double> values) : values_(std::move(values)) {}

  void add(double value) { values_.push_back(value); }
  const std::vector<double>& values() const { return values_; }
  std::size_t size() const { return values_.size(); }

  double minimum() const { return *std::min_element(values_.begin(), values_.end()); }
  double maximum() const { return *std::max_element(values_.begin(), values_.end()); }
  double median() const {
    const std::vector<double> sorted = in_order();
    const std::size_t middle = sorted.size() / 2;
    return sorted.size() % 2 != 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
  /// The smallest value that `share` of them are not above: 0.99 for p99.
  double quantile(double share) const {
    const double place = std::ceil(static_cast<double>(values_.size()) * share);
    return in_order()[static_cast<std::size_t>(std::max(place, 1.0)) - 1];
  }

  /// Each value of the one divided by that of the other from the same pair of runs.
  friend Samples operator/(const Samples& one, const Samples& other) {
    Samples ratios;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i)
      ratios.add(other.values_[i] == 0 ? 0 : one.values_[i] / other.values_[i]);
    return ratios;
  }
  friend Samples operator*(const Samples& samples, double factor) {
    Samples scaled;
    for (const double value : samples.values_) scaled.add(value * factor);
    return scaled;
  }

 private:
  std::vector<double> in_order() const {
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

  std::vector<double> values_;
};

}  // namespace sake::bench
