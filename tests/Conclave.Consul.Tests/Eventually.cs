using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Conclave.Consul.Tests;

/// <summary>Waits for a condition, with a deadline that only a hang reaches.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    public static Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Deadline, $"Not within {Deadline.TotalSeconds} s: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        }
    }

    /// <summary>The result of a task that must end.</summary>
    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    /// <inheritdoc cref="InTime{T}(Task{T})"/>
    public static Task InTime(this Task task) => task.WaitAsync(Deadline);
}
