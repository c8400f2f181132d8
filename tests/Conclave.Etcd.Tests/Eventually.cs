using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Conclave.Etcd.Tests;

/// <summary>Waits for a condition, with a deadline that only a hang reaches.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        TrueAsync(() => new ValueTask<bool>(condition()), what);

    public static async Task TrueAsync(Func<ValueTask<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Deadline, $"Not within {Deadline.TotalSeconds} s: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    public static Task InTime(this Task task) => task.WaitAsync(Deadline);

    public static Task<T> InTime<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Deadline);
}
