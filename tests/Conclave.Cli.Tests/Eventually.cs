namespace Conclave.Cli.Tests;

/// <summary>Waits for conditions, with a deadline.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static Task True(Func<bool> condition, string what, TimeSpan? patience = null) => True(() => Task.FromResult(condition()), what, patience);

    public static async Task True(Func<Task<bool>> condition, string what, TimeSpan? patience = null)
    {
        long since = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < (patience ?? Patience), $"not in time: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }
}
