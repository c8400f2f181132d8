namespace Conclave.Cli.Tests;

/// <summary>Durations as people write them.</summary>
public sealed class Durations
{
    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("10s", 10_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("2h", 7_200_000)]
    [InlineData("1h1m1s1ms", 3_661_001)]
    [InlineData("90s", 90_000)]
    [InlineData("1000h", 3_600_000_000)]
    public void Are_understood(string text, long milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Duration.Parse("--ttl", text));

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("s")]
    [InlineData("0s")]
    [InlineData("-1s")]
    [InlineData("1.5s")]
    [InlineData("1 s")]
    [InlineData("1S")]
    [InlineData("1d")]
    [InlineData("1s1m")]
    [InlineData("1m1m")]
    [InlineData("1m30")]
    [InlineData("1001h")]
    [InlineData("99999999999999999999999h")]
    [InlineData("٣s")]
    public void Are_refused_when_they_are_not_clear(string text)
    {
        var refused = Assert.Throws<CliException>(() => Duration.Parse("--wait", text));
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains("--wait", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0ms")]
    [InlineData(999, "999ms")]
    [InlineData(1_999, "1s")]
    [InlineData(130_000, "2m10s")]
    [InlineData(3_600_000, "1h")]
    [InlineData(90_061_000, "1d1h")]
    public void Are_written_short(long milliseconds, string expected) =>
        Assert.Equal(expected, Duration.Format(TimeSpan.FromMilliseconds(milliseconds)));
}
