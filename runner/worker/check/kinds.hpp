#pragma once
#include <check/fabricate.hpp>
#include <check/report.hpp>

// The rules of each kind, applied in their order.
namespace saddle::worker {

void check_model(const Subject& subject, Report& report);
void check_transform(const Subject& subject, Report& report);
void check_loss(const Subject& subject, Report& report);
void check_dataset(const Subject& subject, Report& report);
void check_metric(const Subject& subject, Report& report);

}  // namespace saddle::worker
