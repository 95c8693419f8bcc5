{{ config(materialized='view') }}
select * from {{ source('shared', 'counts') }}
{% if var('broken', false) %} where no_such_column {% endif %}
