namespace Conclave;

/// <summary>Work that several wait for, of whom each may leave before its end. Compiled into each assembly that has some.</summary>
internal static class SharedTasks
{
    /// <summary>The task, whose failure is no unobserved one when all who waited for it have left.</summary>
    public static T Observed<T>(this T task)
        where T : Task
    {
        _ = task.ContinueWith(
            static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return task;
    }
}
