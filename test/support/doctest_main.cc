#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN

#include <csignal>

#include <doctest/doctest.h>

#include "support/failure.h"

namespace {

/// Watches the run for the fixtures: none of this is needed by a test that uses no fixture.
class FixtureListener : public doctest::IReporter {
 public:
  explicit FixtureListener(const doctest::ContextOptions&) {}

  /// hiredis and libuv 1.44 write to closed sockets without MSG_NOSIGNAL, so a killed server would end the test
  /// program. A test about the default disposition restores it for itself.
  void test_run_start() override { std::signal(SIGPIPE, SIG_IGN); }

  void test_case_start(const doctest::TestCaseData&) override { sake::test::test_failed = false; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override { sake::test::test_failed = true; }
  void log_assert(const doctest::AssertData& assertion) override {
    if (assertion.m_failed) sake::test::test_failed = true;
  }
  void log_message(const doctest::MessageData& message) override {
    if ((message.m_severity & doctest::assertType::is_warn) == 0) sake::test::test_failed = true;
  }

  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void report_query(const doctest::QueryData&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

}  // namespace

REGISTER_LISTENER("fixtures", 1, FixtureListener);
